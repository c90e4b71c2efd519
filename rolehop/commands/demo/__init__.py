"""``rolehop demo``: three accounts of an AWS that runs on this machine, and a temporary home."""
