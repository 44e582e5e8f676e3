"""One contract suite per port, run against every driver and its fake; and the real parts themselves."""
