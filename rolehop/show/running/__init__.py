"""A command that is run for many chains: its targets, what became of each, and the table."""
