"""The ledger: what happened. Never what is wanted, which is git's. SQLAlchemy Core over SQLite or PostgreSQL."""
