"""What should serve, and where: the clusters that run endpoints, and the gateway that gives them stable addresses."""
