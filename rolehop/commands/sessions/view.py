"""The table of sessions, the lines and the document of ``status``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from rolehop.app.sdk_problems import SdkProblem, alike_problems
from rolehop.base.advice import Advice
from rolehop.base.arn import partition_of
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import rfc3339, seconds_left, show_clock, show_local, show_span
from rolehop.base.text import clean, pluralize
from rolehop.commands.serve.running import ServerRow
from rolehop.commands.serve.view import servers_document
from rolehop.commands.sessions.stored import Hidden, SessionRow, SignInRow
from rolehop.plan.identity import principal_of
from rolehop.terminal.json_text import Document
from rolehop.terminal.layout import (
    LABEL,
    LOOK,
    TO_TYPE,
    Grid,
    Line,
    Row,
    StyledText,
    View,
    account_role,
    few_names,
    line,
    row,
    short_role,
    time_left,
)


def sign_ins_view(rows: Sequence[SignInRow], now: datetime) -> View:
    """Show who is signed in to what, and until when."""
    drawn = [
        row(
            StyledText(", ".join(each.sources), "bold"),
            f"{_until(each, now)}{', by the AWS CLI' if each.by_cli else ''}",
        )
        for each in rows
    ]
    return [Grid(("", ""), drawn, wraps=True)] if drawn else []


def hidden_text(hidden: Hidden) -> str:
    """Return one line about what a locked keyring holds."""
    parts = (("session", hidden.sessions), ("sign-in", hidden.sign_ins))
    counted = " and ".join(pluralize(count, word) for word, count in parts if count)
    text = f"the {hidden.keyring} is locked: {counted} in it cannot be used now, and are not shown"
    return Advice(text, "; ", hidden.unlock) if hidden.unlock else text


def problems_view(
    rows: Sequence[SdkProblem],
    now: datetime,
    quote: Callable[[str], str],
    columns: int | None,
    most: int | None = None,
) -> View:
    """Show how `credential-process` failed last, chains that failed alike together.

    Args:
        rows: the failures.
        now: the time by this machine's clock.
        quote: writes an argument of a command in the shell of whoever reads it.
        columns: of the terminal; ``None``: there is none.
        most: how many groups are shown, and of each its first chains; ``None``: all.
    """
    groups = alike_problems(rows)
    shown = groups if most is None or len(groups) <= most + 1 else groups[:most]
    lines = [
        each
        for group in shown
        for each in _problem(group, now, quote, columns, verbose=most is None)
    ]
    return [*lines, *_more(sum(map(len, groups)) - sum(map(len, shown)))]


def _more(count: int) -> Iterator[Line]:
    """Yield the line about what is not shown."""
    if count:
        more = (
            StyledText(f"and {count:,} more: ", LABEL),
            StyledText("rolehop status -v", TO_TYPE),
        )
        yield Line(more, whole=True)


def _until(sign_in: SignInRow, now: datetime) -> str:
    if sign_in.ended:
        return "ended: AWS takes it no longer"
    if sign_in.ends_at is None:
        return "signed in, until when is not known"
    at = show_clock(sign_in.ends_at, now)
    if sign_in.renews:
        is_over = sign_in.ends_at <= now
        return "signed in, renews itself" if is_over else f"signed in until {at}, renews itself"
    return f"sign-in expired at {at}" if sign_in.ends_at <= now else f"signed in until {at}"


def _problem(
    alike: Sequence[SdkProblem],
    now: datetime,
    quote: Callable[[str], str],
    columns: int | None,
    *,
    verbose: bool,
) -> Iterator[Line]:
    each, many = alike[0], len(alike) > 1
    ago = f"{show_span(max(0, int((now - each.at).total_seconds())))} ago"
    how = f"failed {ago} with exit code {each.exit_code}" if each.exit_code else f"warned {ago}"
    chains = StyledText(few_names([each.chain for each in alike], verbose=verbose), "bold")
    what = each.what_of_any if many else each.what
    yield line(LOOK, " credential-process ", chains, f" {how}: {what}")._replace(hanging=2)
    if each.cause:
        yield line(StyledText(f"  {each.cause}", LABEL))
    if each.fix.parts:
        from rolehop.terminal.messages import message

        yield from message("  ", each.fix, quote, columns, hanging="  ")


MOST_SHOWN, MOST_PROBLEMS = 20, 3
"""Sessions and failures that a terminal shows unless asked for all."""

Names = Mapping[str, str]
"""Names of accounts, by ID."""


def sessions_view(
    rows: Sequence[SessionRow],
    now: datetime,
    names: Names,
    *,
    verbose: bool = False,
    most: int | None = None,
    in_use: str | None = None,
) -> View:
    """Show sessions as a table and a tree at once, the soonest to end first.

    Args:
        rows: the sessions.
        now: the time by this machine's clock.
        names: of accounts.
        verbose: with ARNs and exact times.
        most: how many are shown; ``None``: all.
        in_use: the chain whose session this shell has, which comes first.
    """
    held = {each.key for each in rows}
    tree = _Tree(
        _grouped(rows, lambda each: each.parent if each.parent in held else None),
        _grouped(rows, _what),
        now,
        names,
        verbose,
        in_use,
    )
    drawn = list(tree.rows(None, ""))
    shown = drawn if most is None or len(drawn) <= most + 1 else drawn[:most]
    elided = () if verbose else (0, 1)
    grid = Grid(("ACCOUNT", "ROLE", "LEFT", "CHAINS", ""), shown, right=(2,), elided=elided)
    return [*([grid] if shown else []), *_more(len(drawn) - len(shown))]


def _grouped(
    rows: Sequence[SessionRow], by: Callable[[SessionRow], str | None]
) -> dict[str | None, list[SessionRow]]:
    groups: dict[str | None, list[SessionRow]] = {}
    for each in rows:
        groups.setdefault(by(each), []).append(each)
    return groups


def _what(row: SessionRow) -> str:
    """Return what a session is of: sessions that are alike in it need more to be told apart."""
    # Whether a code was sent for it is not noted: it is made without one, too.
    what = {"source": f"source {row.source}", "token": f"GetSessionToken of {row.source}"}
    return what.get(row.kind) or short_role(row.role or row.arn)


@dataclass(frozen=True, slots=True)
class _Tree:
    """All sessions, of which each is a row, those made with it below it."""

    below: Mapping[str | None, Sequence[SessionRow]]
    """By the hop key of the session that signed; ``None``: those whose signer is not there."""

    alike: Mapping[str | None, Sequence[SessionRow]]
    """By what they are of."""

    now: datetime
    names: Names
    verbose: bool
    in_use: str | None

    def rows(self, parent: str | None, before: str) -> Iterator[Row]:
        """Yield the rows of all sessions below one; ``before`` stands before their branches."""
        found = sorted(self.below.get(parent, ()), key=self._order)
        for each in found:
            is_last = each is found[-1]
            branch, under = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            yield self._row(each, "" if parent is None else f"{before}{branch}")
            yield from self.rows(each.key, "" if parent is None else f"{before}{under}")

    def _order(self, row: SessionRow) -> tuple[bool, datetime]:
        """The one in use first, then the soonest to end, of itself or of those below it."""
        below = list(self._all(row))
        used = self.in_use is not None and any(self.in_use in each.chains for each in below)
        return not used, min(each.local_expires_at for each in below)

    def _all(self, row: SessionRow) -> Iterator[SessionRow]:
        yield row
        for each in self.below.get(row.key, ()):
            yield from self._all(each)

    def _chains(self, each: SessionRow) -> str:
        """Return the first chains; with all of them below it, how many there are."""
        many = self.verbose and len(each.chains) > 1
        return pluralize(len(each.chains), "chain") if many else _chains(each.chains)

    def _row(self, each: SessionRow, branch: str) -> Row:
        account, role = _whose(each)
        shown = account_role(account, names=self.names, verbose=self.verbose) if account else "–"
        until = f"{each.arn} until {show_local(each.local_expires_at)}, in {each.keyring}"
        chains = f"; of {', '.join(each.chains)}" if each.chains else ""
        return row(
            StyledText(f"{branch}{shown}", "" if branch else "bold"),
            role,
            time_left(each.local_expires_at, self.now, short=True),
            StyledText(self._chains(each), "dim"),
            ", ".join(_all_marks(each, self.alike[_what(each)])),
            under=clean(until + chains) if self.verbose else "",
        )


def _whose(row: SessionRow) -> tuple[str, str]:
    """Return account and role of a session, or what else it is."""
    parts = (row.role or row.arn).split(":", 5)
    account, resource = (parts[4], parts[5].split("/")) if len(parts) == 6 else ("", [])
    kinds = {"source": f"source {row.source}", "token": f"GetSessionToken of {row.source}"}
    if row.kind in kinds:
        own = principal_of(row.arn).role if row.kind == "source" else ""
        return account, clean(own or kinds[row.kind])
    name = resource[1] if resource[:1] == ["assumed-role"] and len(resource) > 1 else resource[-1:]
    return account, clean(name if isinstance(name, str) else "".join(name))


def _chains(names: Sequence[str]) -> str:
    """Return the first chains and how many more there are: ``hub, prod-ro +5``."""
    shown = list(names[:_CHAINS_NAMED])
    while len(shown) > 1 and len(", ".join(shown)) > _CHAINS_WIDTH:
        shown.pop()
    more = len(names) - len(shown)
    return clean(", ".join(shown)) + (f" +{more}" if more else "")


_CHAINS_NAMED, _CHAINS_WIDTH = 2, 24


def _all_marks(row: SessionRow, alike: Sequence[SessionRow]) -> Iterator[str]:
    """Yield what tells a session from those that are alike, if anything does."""
    made_alike = [each for each in alike if each.kind == row.kind]  # a scope takes no name
    named = len({each.session_name for each in made_alike}) > 1
    sourced = row.kind == "hop" and len({each.source for each in made_alike}) > 1
    yield from _marks(row, named=named, sourced=sourced)
    if len({_partition(each) for each in alike}) > 1:
        yield f"in {_partition(row)}"
    if not row.planned and any(
        each.planned and _compared(each) == _compared(row) for each in alike
    ):  # another region, endpoint or duration, or the config as it was
        yield "old settings"


def _compared(row: SessionRow) -> tuple[object, ...]:
    asked = (row.policy_arns, row.has_policy, row.session_name, row.source_identity, row.tags)
    return (row.role, row.source, row.parent, row.narrowed, *asked)


def _partition(row: SessionRow) -> str:
    """Return the partition of a hop's role; empty of other sessions."""
    return clean(partition_of(row.role or "") or "")


def _marks(row: SessionRow, *, named: bool, sourced: bool) -> Iterator[str]:
    """Yield what tells a session from others of its role."""
    if row.narrowed:
        yield row.narrowed
    if row.read_only:
        yield "read-only"
    elif row.policy_arns:
        yield f"policies {' '.join(clean(each.rpartition('/')[2]) for each in row.policy_arns)}"
    if row.has_policy:
        yield "session policy"
    if row.source_identity:
        yield f"source identity {clean(row.source_identity)}"
    for key, value in row.tags:
        is_reason = key.casefold() == "reason"
        yield f"reason {clean(value)}" if is_reason else f"tag {clean(key)}={clean(value)}"
    if named:
        yield f"as {clean(row.session_name)}"
    if sourced:
        yield f"from source {clean(row.source)}"


def status_document(
    rows: Iterable[SessionRow],
    sign_ins: Iterable[SignInRow],
    hidden: Iterable[Hidden],
    problems: Iterable[SdkProblem],
    servers: Iterable[ServerRow],
    endpoint: str | None,
    now: datetime,
) -> Document:
    """Return ``rolehop.status/1``; ``parent`` is the ARN of the session that signed, if known.

    ``hidden`` counts what a locked keyring has, which is not in the other lists. ``endpoint``: what
    the programs of this shell ask, if they ask one.
    ``credential_process`` has how the last one of a chain failed; code 0 is an answer that may be
    too long.
    """
    return {
        "schema": "rolehop.status/1",
        "sessions": _sessions(list(rows), now),
        "sign_ins": list(map(_sign_in, sign_ins)),
        "hidden": [
            {"backend": each.backend, "sessions": each.sessions, "sign_ins": each.sign_ins}
            for each in hidden
        ],
        "credential_process": list(map(_sdk_problem, problems)),
        "servers": servers_document(servers, endpoint),
    }


def _sessions(rows: Sequence[SessionRow], now: datetime) -> list[Document]:
    arns = {row.key: row.arn or None for row in rows}
    return [
        {
            "chains": list(row.chains),
            "hop": row.hop,
            "role": row.role,
            "arn": row.arn or None,
            "expires_at": rfc3339(row.expires_at),
            "seconds_left": seconds_left(row.local_expires_at, now),
            "parent": arns.get(row.parent or ""),
            "backend": row.backend,
            "session_name": row.session_name or None,
            "read_only": row.read_only,
            "policy_arns": list(row.policy_arns),
            "session_policy": row.has_policy,
            "narrowed": row.narrowed or None,
            "source_identity": row.source_identity or None,
            "tags": dict(row.tags),
        }
        for row in rows
    ]


def _sign_in(row: SignInRow) -> Document:
    return {
        "sources": list(row.sources),
        "type": row.kind,
        "expires_at": rfc3339(row.ends_at),
        "renews": row.renews,
        "ended": row.ended,
        "by_aws_cli": row.by_cli,
    }


def _sdk_problem(row: SdkProblem) -> Document:
    return {
        "chain": row.chain,
        "at": rfc3339(row.at),
        "code": row.exit_code,
        "what": row.what,
        "cause": row.cause or None,
        "fix": row.fix or None,
    }
