"""The source type ``identity-center``."""
