"""What several source types use."""
