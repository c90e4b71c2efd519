"""Search for chains of roles that the policies allow."""
