"""Output for people and programs. Never sees a secret: ``credentials`` is not imported."""
