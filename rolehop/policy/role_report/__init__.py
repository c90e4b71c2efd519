"""Report who may use a role, what its boundary takes away, and who may pass it."""
