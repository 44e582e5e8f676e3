"""Pull requests: the runs they ask for, who may let untrusted ones go, and the commands below them."""
