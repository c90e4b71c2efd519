"""Stand-ins for what is outside, each as strict as the real thing where that matters."""
