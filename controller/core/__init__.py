"""Every decision, pure: no I/O, no clock, no randomness, no environment."""
