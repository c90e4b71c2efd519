"""commands/config/importing/__init__.py."""
