"""The command line as its users run it: the real console script, against an STS double on loopback."""
