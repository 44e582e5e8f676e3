"""Forges: what they deliver, what they are asked, what they are told. Beside the turns, in a thread of its own."""
