"""The door: the command, its settings and the wiring. The only place that builds real parts."""
