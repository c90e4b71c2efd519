"""``credential_process`` profiles in the AWS files: install, remove, list."""
