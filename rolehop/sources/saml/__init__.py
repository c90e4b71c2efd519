"""Sources of type saml."""
