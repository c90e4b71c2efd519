"""The man pages, written when the wheel is built: of the commands' own help, and of the guide.

``PYTHONPATH=.build python -m manpages FOLDER`` writes them for whoever packages rolehop otherwise, or looks at them.
"""
