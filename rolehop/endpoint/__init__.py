"""A small HTTP endpoint for programs on this machine, and the process that it runs in.

The standard library's server answers each connection in a thread of its own: 64 busy connections
then wait for one another's turn at the interpreter (5 ms each), and its parser accepts what no
SDK sends. Here one thread serves all connections, and the parser takes a GET without a body.
"""
