"""ThingsBoard IoT Gateway from the package index, twice: one wide item a device, and one item a point."""
