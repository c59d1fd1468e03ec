"""Ring 1: devices as data."""
