"""What is stored: list and forget sessions, make a lost index anew, change IAM user keys."""
