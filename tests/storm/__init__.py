"""Many commands at once on one vault: none may fail, lie, or leave a session out of sight.

`python -m tests.storm` is the long form, with sixty processes at a time; `test_storm.py` is short.
"""
