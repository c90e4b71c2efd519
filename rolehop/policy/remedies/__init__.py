"""Find the smallest changes that would allow a refused request."""
