"""The door: the command, the settings, and the only place that builds real parts."""

__version__ = "0.1.0"
