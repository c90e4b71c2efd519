"""A folder or a file for each feature: its commands, its logic, and its screens."""
