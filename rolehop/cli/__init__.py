"""The command line: parse, call the application, print. It begins in ``root``."""
