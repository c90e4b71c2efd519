"""What is stored: list and forget sessions, and make a lost index anew."""
