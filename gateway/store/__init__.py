"""Ring 2: towards the disk: the audit chain."""
