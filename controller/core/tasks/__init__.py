"""Tasks: the sets of values, and what starts, stops and ends."""
