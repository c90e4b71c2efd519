"""Sources of type web-identity."""
