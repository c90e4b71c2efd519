"""Evaluate one request against the policies that apply to it."""
