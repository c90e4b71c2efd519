"""Judge chains, roles and routes by IAM policies, from files or read live."""
