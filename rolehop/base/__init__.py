"""What any room may use: ARNs, credentials, durations, errors, texts, files, threads."""
