"""What `doctor` finds, and its report."""
