"""The command line, one small file a command; heavy rooms are imported inside the command."""
