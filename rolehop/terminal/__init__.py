"""The person at the terminal: output, prompts, MFA codes, the picker, progress, and error texts."""
