"""Serve chains to programs: keep a session of each, and answer from memory."""
