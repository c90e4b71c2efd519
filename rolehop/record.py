"""The one line of the credential_process contract, made from plain strings.

The vault keeps this line as it is handed over, so that a cached answer is printed without being
parsed. Nothing is imported here: the fast path of `credential-process` reads this module too.
"""

from __future__ import annotations


def process_line(
    access_key_id: str, secret: str, token: str | None, expires_at: str | None, account: str
) -> str:
    """Return the compact JSON object, version 1, without a newline.

    The keys stand in the order of the AWS SDK reference (Process credential provider).
    ``expires_at`` is ``YYYY-MM-DDTHH:MM:SSZ``. What is ``None``, and an empty ``account``, is left
    out: that is how the contract spells "does not end" and "not known".
    """
    pairs = (
        ("AccessKeyId", access_key_id),
        ("SecretAccessKey", secret),
        ("SessionToken", token),
        ("Expiration", expires_at),
        ("AccountId", account or None),
    )
    told = "".join(f',"{name}":{_quoted(value)}' for name, value in pairs if value is not None)
    return f'{{"Version":1{told}}}'


def _quoted(text: str) -> str:
    """Return ``text`` as a JSON string; AWS's own values need no escapes, so json stays unloaded."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    import json

    return json.dumps(text)
