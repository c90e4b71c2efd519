"""What is stored, as people look at it."""
