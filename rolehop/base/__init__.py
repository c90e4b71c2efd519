"""base/__init__.py."""
