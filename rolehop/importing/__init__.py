"""Propose a config made of what other tools have: one file for each tool; texts in, values out.

``tools`` is the entry point: what each tool is known by, and what it has. ``proposal`` has the values,
``aws_profiles`` makes chains of AWS profiles, ``proposed_text`` writes TOML.
"""
