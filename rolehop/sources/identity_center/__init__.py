"""Sources of type identity-center."""
