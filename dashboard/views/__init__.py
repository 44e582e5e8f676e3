"""One file a topic: each view reads the ledger and the stores, and returns an `Answer` or a stream. None writes."""
