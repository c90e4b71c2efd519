"""Faults by the thousand: each is injected into a run of rolehop, and what follows is checked.

A fault is survived if no run hands out a session of anybody but whom it should be, nothing that was
stored is lost, every lock is free, no secret or traceback is shown, and the next run heals.

`python -m tests.storm.faults` injects a thousand of them, the same ones for the same seed.
"""
