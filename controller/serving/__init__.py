"""Tags become promotions, deployment nodes become versions, and both are built, rolled out and kept."""
