"""Everything people look at. Nothing here may see a secret: ``credentials`` is not imported."""
