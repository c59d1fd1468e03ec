"""Ring 1: decisions; pure functions of their arguments, time included."""
