"""Hand a session to programs: shells, SDKs, files, the environment of a child process."""
