"""The IAM policy language: JSON, operators, variables, wildcards and context keys."""
