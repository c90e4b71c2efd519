"""Judged by policies: ``explain``, ``check``, ``routes`` and ``graph``."""
