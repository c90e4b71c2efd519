"""Tests of what people read about policies."""
