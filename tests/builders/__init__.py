"""Builders of what tests start from: short to call, and as real as what the house itself would have written."""
