"""commands/chains/__init__.py."""
