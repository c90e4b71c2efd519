"""commands/keys/__init__.py."""
