"""Chains as they are configured and planned: ``list``, ``show``, ``plan``."""
