"""A sign-in in the browser, seen from this machine: one loopback address, one answer, one page.

``pkce`` makes what proves that the answer is ours; ``callback`` waits for it; ``page.html`` is
what the browser shows afterwards.
"""
