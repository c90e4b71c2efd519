"""Run one command for each of many chains: choose the targets, walk, run, and say what became of each."""
