"""What `luotsi repo` does: entries of the settings file, hooks, and how watched repositories are doing."""
