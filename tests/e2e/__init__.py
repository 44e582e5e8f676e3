"""Real engine, registry, stores, database and browser."""
