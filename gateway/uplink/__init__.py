"""Ring 2: towards the VPP."""
