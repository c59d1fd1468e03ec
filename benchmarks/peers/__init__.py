"""Known gateways beside ours: each folder holds one with its configuration and the module that starts it."""
