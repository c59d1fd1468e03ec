"""Ring 2: towards devices."""
