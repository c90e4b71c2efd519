"""TOML text becomes checked, frozen values; every complaint names file, line and key.

``loader`` is the way in, ``schema`` the one definition of every table, ``checks`` and ``limits``
what values may be, ``model`` what comes out. The loader reads only through what it is given, so
this room has no window; and nothing is imported here, since plans need ``model`` alone.
"""
