"""``rolehop source``: list the configured sources, try one, sign in and out."""
