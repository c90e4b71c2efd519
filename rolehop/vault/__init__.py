"""The only guest of the OS keyring: sessions and IAM user keys at rest.

``vault`` is the vault of a walk, ``backend`` chooses where things rest, ``item`` and ``chunks``
say what the texts look like, ``index`` and ``store`` what is known without reading a secret,
``lock`` is what processes wait at. Nothing is imported here: a cached answer needs ``item`` alone.
"""
