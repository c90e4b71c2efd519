"""The source type ``web-identity``."""
