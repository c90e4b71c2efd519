"""The application layer: what a program would call; it never prints, prompts or exits."""
