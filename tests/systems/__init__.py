"""macOS and Windows, simulated on Linux: rolehop in an interpreter that lacks what such a system lacks.

What a simulation cannot show: how their consoles, keyrings, file systems and process tables behave
beyond what is imitated in `.interpreter` and `.keyrings`.
"""
