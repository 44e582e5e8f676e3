"""Held to what others made: the official parser's examples and tests, as its source distribution carries them."""
