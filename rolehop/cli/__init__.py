"""The command line: parse, delegate, print. ``root`` is where it begins; this imports nothing."""
