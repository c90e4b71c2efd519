"""commands/source/__init__.py."""
