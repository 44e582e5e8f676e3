"""The shelf of object storage: one thin port, and the spelling of every key."""
