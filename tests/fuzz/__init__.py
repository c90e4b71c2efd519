"""Whatever a file, a program or a service says, reading it ends in an answer or in an error of ours.

`python -m tests.fuzz` tries a hundred thousand inputs, spread over all parsers: none may end in a
traceback, take five seconds, or bring a control character to the terminal. A small part of them
goes to the whole program, as a user runs it: there the exit code, the memory that it takes and the
files that it touches are looked at, too (`tests.fuzz.program`).
"""
