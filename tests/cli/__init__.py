"""The program as its users meet it: the real console script in subprocesses, an STS on loopback."""
