"""What `luotsi plan` is made of: the event that a person means, and the answer as table, graph and JSON."""
