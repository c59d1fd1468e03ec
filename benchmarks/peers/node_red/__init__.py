"""Node-RED with node-red-contrib-modbus from npm."""
