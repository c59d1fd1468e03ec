"""Scripts of the project that do not ship: the fault report, the bill of materials."""
