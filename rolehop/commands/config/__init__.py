"""commands/config/__init__.py."""
