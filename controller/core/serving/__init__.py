"""Tags, versions, stages and deployments: what they ask for."""
