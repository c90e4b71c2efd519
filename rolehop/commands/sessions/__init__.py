"""commands/sessions/__init__.py."""
