"""What happened becomes runs: pushes, pull requests, tags, comments, the clock, and people who ask again."""
