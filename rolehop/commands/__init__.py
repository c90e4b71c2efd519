"""One file per command: parse the options, call one function of the app, show the result."""
