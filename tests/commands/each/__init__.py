"""One command for each of many chains."""
