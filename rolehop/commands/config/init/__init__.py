"""A first config: look for what is there, ask for the rest, show the plan, try it, write it."""
