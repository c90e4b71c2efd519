"""Helpers that several source types use."""
