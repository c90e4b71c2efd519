"""The source type ``roles-anywhere``."""
