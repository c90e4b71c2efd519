"""Look for secrets, in every form that a program might give them."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

_BEGINNING = 24
"""Characters: a program that cuts a text shows these at least."""


def forms(secret: str) -> set[str]:
    """What of a secret is looked for: its beginning as it is, in a URL, in JSON, and in base64."""
    begins = secret[:_BEGINNING]
    found = {begins, quote(begins, safe=""), quote_plus(begins), json.dumps(begins)[1:-1]}
    for before in (b"", b"x", b"xx"):  # where it may begin in a longer text
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(before + begins.encode()).decode()
            found.add(text[4 if before else 0 : len(text) // 4 * 4 - 4])
    return found


def found_in(text: str, secrets: Mapping[str, str]) -> set[str]:
    """The names of the secrets that are in ``text``, in any form."""
    return {
        name for name, secret in secrets.items() if any(each in text for each in _forms(secret))
    }


_known: dict[str, set[str]] = {}


def _forms(secret: str) -> set[str]:
    if secret not in _known:
        _known[secret] = forms(secret)
    return _known[secret]


def has_code(text: str, code: str) -> bool:
    """True if these six digits stand alone in ``text``: in a longer number they are no MFA code."""
    text = re.sub(r"(?m)^ *\d+ ms ", "", text)  # when a line was logged
    return re.search(rf"(?<![\w.+/-]){code}(?![\w.+/-])", text) is not None


def texts_below(folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Each file and its text, whatever it holds; a link's target is a text, too."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                yield str(path), str(path.readlink())
            elif path.is_file():
                yield str(path), path.read_bytes().decode("latin-1")
