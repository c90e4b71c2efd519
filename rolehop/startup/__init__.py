"""Helpers that make start-up cheap: value classes, lazy regular expressions, the debug log."""
