"""Images are made here, where the registry's network is: assembly, engine build, registry."""
