"""walk/__init__.py."""
