"""Judge plans of chains by IAM policies, from files or read live."""
