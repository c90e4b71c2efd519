"""What makes start-up cheap: compiled value classes, lazy patterns, and the debug log."""
