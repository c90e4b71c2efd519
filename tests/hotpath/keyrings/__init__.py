"""What the hot path reads from: a session bus, and the kernel."""
