"""The gateway that makes a building part of the power system."""

__version__ = "0.1.0"
