"""Make a config of what other tools have: find their files, propose, compare, write."""
