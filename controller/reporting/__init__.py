"""The word about each run: put into the outbox where it changes, and carried out from there."""
