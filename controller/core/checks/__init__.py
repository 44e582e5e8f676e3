"""What a check says: pure functions from facts to words."""
