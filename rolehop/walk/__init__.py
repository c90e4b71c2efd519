"""Carry a plan out, and what that needs from outside."""
