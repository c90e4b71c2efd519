"""From a chain's name to a plan: pure functions over values, without I/O."""
