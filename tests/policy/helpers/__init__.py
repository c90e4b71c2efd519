"""Worlds, broken chains and an independent reading of IAM, for the tests of policies."""
