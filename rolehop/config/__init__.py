"""Read the config: TOML text becomes checked, frozen values; each problem names file, line and key.

``loader`` is the entry point, ``schema`` defines every table, ``value_types`` and ``sts_limits``
say what values may be, ``model`` has the result, and ``draft`` writes what is new. Files are read only through the function that
the loader is given. Nothing is imported here, since plans need ``model`` alone.
"""
