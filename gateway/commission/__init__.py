"""The technician's room: what is on a line, what its raw words mean, a first site file, a first profile."""
