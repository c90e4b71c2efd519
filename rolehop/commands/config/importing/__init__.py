"""A config made of other tools' files: one file for each tool, and what they share."""
