"""Stored sessions: ``status``, ``refresh``, ``logout``."""
