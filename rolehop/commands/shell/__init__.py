"""commands/shell/__init__.py."""
