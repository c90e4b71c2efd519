"""Completion of command lines without importing the command line."""
