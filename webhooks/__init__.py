"""The ear: all HTTP that brings something in. It checks and records; it decides nothing."""
