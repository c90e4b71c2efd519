"""Hide what looks like a secret in the messages of a program, and leave what a person must read.

A program may print a secret about its answer or its own input. Addresses to sign in at, ARNs and
paths stay as they are. The patterns are compiled on first use: that costs more than this module.
"""

from __future__ import annotations

import re

from rolehop.credentials import HIDDEN, scrub

_JWT = r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+"

# A pair that is named for its secret: password=x, "SecretAccessKey": "x", Authorization: Bearer x.
_PAIR = (
    r"(?i)((?:pass(?:word|wd|phrase|code)|secret|token|\botp|\bpin|\bpwd"
    r"|(?:secret|private|api|keyring)[ _-]?(?:access[ _-]?)?key)[\"']?[ \t]{0,3}([:=])[ \t]{0,3}"
    r"|(\bbearer)[ \t])"
    r"(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>,;{}&]+))"
)
_PATH = r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/]"

_WORD = r"[^\s\"'<>,{}]+"
_PLAIN_MARKS = ("://", "arn:", ":role/")  # an address to sign in at, and the role that was refused
_LOGIN = r"(://[^\s/:@]*:)[^\s/@]+@"  # https://user:password@host

# Base64 as long as the lines of base64(1) and openssl, for example of an assertion.
_LONG_RUN = r"[A-Za-z0-9+/_=-]{40,}"
_LONG_PART = 32  # characters without a slash: a path's parts are shorter

# A secret access key is 40 characters of base64, of which a path may have as many. In a key, case
# and digits change 16 times on average in a way that seldom occurs within the names of a path, and
# in both its halves. So one key in 50,000 is shown, and one such path in 800 is hidden.
_KEY = (
    r"(?<![A-Za-z0-9+/])(?=[a-z0-9+/]*[A-Z])([A-Za-z0-9+/]{20})([A-Za-z0-9+/]{20})(?![A-Za-z0-9+/])"
)
_CHANGE = r"(?<=[a-z])[A-Z]|(?<=[0-9])[A-Za-z]|(?<=[A-Za-z])[0-9]"
_CHANGES, _CHANGES_OF_HALF = 5, 1


def masked(text: str) -> str:
    """Return ``text`` with ``[hidden]`` in place of all that is or looks like a secret.

    That is live secrets, JSON Web Tokens, long base64, AWS secret access keys, values that are named
    as a secret, and passwords in addresses.
    """
    text = re.sub(_JWT, HIDDEN, scrub(text))
    return re.sub(_WORD, _without_runs, re.sub(_PAIR, _without_value, text))


def _without_value(pair: re.Match[str]) -> str:
    name, sign, bearer, *quoted, bare = pair.groups()
    if bare is None:
        quote = pair[0][-1]
        return f"{name}{quote}{HIDDEN}{quote}" if any(quoted) else pair[0]
    is_in_address = "://" in pair.string[: pair.start()].rpartition(" ")[2]
    if is_in_address or bare.startswith("arn:") or re.match(_PATH, bare):
        return pair[0]
    # After a colon there may be words: "token: expired".
    if not bearer and sign == ":" and re.fullmatch(r"[A-Z]?[a-z-]+[.:!?)]*", bare):
        return pair[0]
    return f"{name}{HIDDEN}"


def _without_runs(word: re.Match[str]) -> str:
    if any(mark in word[0] for mark in _PLAIN_MARKS):
        return re.sub(_LOGIN, rf"\1{HIDDEN}@", word[0])
    return re.sub(_KEY, _without_key, re.sub(_LONG_RUN, _without_run, word[0]))


def _without_run(run: re.Match[str]) -> str:
    return HIDDEN if max(map(len, run[0].split("/"))) >= _LONG_PART else run[0]


def _without_key(run: re.Match[str]) -> str:
    counts = [len(re.findall(_CHANGE, half)) for half in run.groups()]
    is_key = sum(counts) >= _CHANGES and min(counts) >= _CHANGES_OF_HALF
    return HIDDEN if is_key else run[0]
