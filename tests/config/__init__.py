"""The config loader, against texts that stand for files."""
