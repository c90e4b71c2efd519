"""The history: what was called, and whose the calls in a trail were."""
