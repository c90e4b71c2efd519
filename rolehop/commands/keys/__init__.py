"""``rolehop keys``: IAM user keys in the vault, and their rotation."""
