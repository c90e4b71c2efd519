"""Tests of remedies: what they change, and that they let in no one else."""
