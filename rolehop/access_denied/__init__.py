"""AWS's access-denied texts: who was refused what, by which type of policy, and who can help."""
