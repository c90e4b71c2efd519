"""Sources of type roles-anywhere."""
