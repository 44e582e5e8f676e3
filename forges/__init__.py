"""The shelf of forges: all that differs by forge, one file each."""
