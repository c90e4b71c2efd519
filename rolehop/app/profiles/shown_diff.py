"""What changes in an AWS file, as a unified diff that shows no secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from rolehop.awsconfig.profile_block import lines_of
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import visible

_SECRET = Pattern(r"(?i)\s*(aws_secret_access_key|aws_session_token|aws_security_token)\s*[=:].*")
_MOST = 2000  # changed lines; difflib takes minutes for tens of thousands


def shown_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return a unified diff without context, which may hold keys; values of secrets are not shown."""
    old_name, new_name = visible(old_name), visible(new_name)
    before, after = _shown_lines(old), _shown_lines(new)
    same = _same_at_start(before, after)
    end = _same_at_start(before[same:][::-1], after[same:][::-1])
    changed = before[same : len(before) - end], after[same : len(after) - end]
    if sum(map(len, changed)) > _MOST:
        lines = _as_one(*changed, same, old_name, new_name)
    else:
        import difflib

        lines = difflib.unified_diff(before, after, old_name, new_name, n=0, lineterm="")
    return "".join(f"{each}\n" for each in lines)


def _as_one(
    old: Sequence[str], new: Sequence[str], at: int, old_name: str, new_name: str
) -> Iterator[str]:
    """Give the diff of what is changed as one hunk, after ``at`` lines that are not."""
    yield from (f"--- {old_name}", f"+++ {new_name}")
    yield f"@@ -{at + bool(old)},{len(old)} +{at + bool(new)},{len(new)} @@"
    yield from (f"-{each}" for each in old)
    yield from (f"+{each}" for each in new)


def _same_at_start(some: Sequence[str], others: Sequence[str]) -> int:
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shown_lines(text: str) -> list[str]:
    return [_SECRET.sub(r"\1 = (not shown)", each.rstrip("\r\n")) for each in lines_of(text)]
