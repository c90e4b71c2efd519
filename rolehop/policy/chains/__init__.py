"""Evaluate a whole chain: starting credentials, each hop's request, and what sessions inherit."""
