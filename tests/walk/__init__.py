"""Walks in the world in memory of ``tests/support/simulator.py``."""
