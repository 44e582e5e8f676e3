"""Checks: a row of the outbox spelled out, from the ledger and the stores."""
