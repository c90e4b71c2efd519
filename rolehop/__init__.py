"""rolehop: named chains of AWS roles, walked with one command."""

__version__ = "0.1.0"
