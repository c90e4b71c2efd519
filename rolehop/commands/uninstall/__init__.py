"""Remove what rolehop has stored and changed on this machine: list it, ask, remove it."""
