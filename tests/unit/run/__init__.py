"""How two pytest sessions side by side are started, followed, ended and told as one."""
