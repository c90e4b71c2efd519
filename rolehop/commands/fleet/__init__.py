"""Fleets whose accounts AWS lists: what is known of them, and asking AWS anew."""
