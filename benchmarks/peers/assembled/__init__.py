"""pymodbus and aiomqtt put together the obvious way; the gateway itself is benchmarks/assembled.py."""
