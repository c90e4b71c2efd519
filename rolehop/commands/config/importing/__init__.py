"""A config made of other tools' files: one file for each tool, texts in, values out."""
