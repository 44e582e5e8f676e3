"""The window: read-only pages, a JSON API and live logs."""
