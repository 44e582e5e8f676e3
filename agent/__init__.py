"""The hand: claims an attempt, runs it, hands back logs, outputs and a result."""
