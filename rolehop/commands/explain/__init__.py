"""commands/explain/__init__.py."""
