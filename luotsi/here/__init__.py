"""Running on this machine without an installation: for `luotsi run` and `luotsi reproduce`."""
