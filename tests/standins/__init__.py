"""Stand-ins of services that cannot run here, each written from its published description and never from our driver."""
