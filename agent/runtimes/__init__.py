"""The runtimes: one file each."""
