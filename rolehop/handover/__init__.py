"""From a session to a text for programs: shells, SDKs, files, a child's environment."""
