"""Every command is run in a world full of secrets, through success and failure, and none may come out.

`plant` makes the world, `rows` has a row for each command, `hunt` looks for what came out.
"""
