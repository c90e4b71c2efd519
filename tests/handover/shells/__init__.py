"""`rolehop init` in the shells people sit at."""
