"""The source type ``saml``."""
