"""The AWS console: where it is, how a session signs in to it, and the page that opens it."""
