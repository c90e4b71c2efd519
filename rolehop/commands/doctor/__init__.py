"""commands/doctor/__init__.py."""
