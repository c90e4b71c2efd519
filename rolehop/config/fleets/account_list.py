"""Read an ``accounts_file``: a line for each account, its ID and a name behind it if you like."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.arn import ACCOUNT_ID
from rolehop.config.value_types import (
    NAME_PATTERN,
    NamedAccounts,
    account_name,
    name_meant,
    not_an_account,
)
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import quoted

_BLANKS = Pattern(r"[ \t]+")
_ID = Pattern(r"(?<![0-9])[0-9]{12}(?![0-9])")


def read_accounts(text: str) -> tuple[NamedAccounts, list[tuple[int, str]]]:
    """Return the accounts, and what is wrong: lines (from 1) and words. ``#`` begins a comment."""
    lines: dict[str, int] = {}
    accounts: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        account, name = (*_BLANKS.compiled.split(written, maxsplit=1), "")[:2]
        try:
            _check_listed(account, name, written, lines)
        except ValueError as error:
            problems.append((number, str(error)))
            continue
        accounts[account] = name
        lines[account] = lines[name] = number
    return tuple(accounts.items()), problems


def _check_listed(account: str, name: str, written: str, lines: Mapping[str, int]) -> None:
    """Check a line; ``lines``: where the IDs and names before it are.

    Raises:
        ValueError: it is not an ID and perhaps a name, or one of them is listed already.
    """
    is_account = ACCOUNT_ID.fullmatch(account) is not None
    is_name = not name or NAME_PATTERN.fullmatch(name) is not None
    if not is_account or not is_name:
        raise ValueError(_wrong_line(account, name, written))
    if account in lines:
        raise ValueError(f"account {account} is listed twice, first in line {lines[account]}")
    if name:
        account_name(name)
        if name in lines:
            raise ValueError(f"the name {name} is listed twice, first in line {lines[name]}")


def _wrong_line(account: str, name: str, written: str) -> str:
    """Return what is wrong with a line, and the right one."""
    found = _ID.compiled.findall(written)
    if len(found) != 1:
        example = f"012345678901 {name_meant(name) or 'billing'}"
        return not_an_account(account if account[:1].isdecimal() else written, example)
    before, _, after = written.partition(found[0])
    right = f"{found[0]} {name_meant(f'{before} {after}')}".strip()
    if ACCOUNT_ID.fullmatch(account):
        said = f"{quoted(name)} is not a name"
    elif account == name_meant(before) and name == found[0]:
        said = "the ID stands before the name"
    else:
        said = f"not an ID, a blank and a name: {quoted(written)}"
    return f"{said}; write {right}"
