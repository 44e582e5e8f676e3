"""The shelf of queues: all that speaks the Redis protocol."""
