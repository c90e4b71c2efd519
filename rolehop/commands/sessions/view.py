"""The views of ``list``, ``plan``, ``show``, ``status``, ``history``, ``whoami`` and ``keys list``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from rolehop.advice import Advice, one_line
from rolehop.plan.model import Cache, HopStep, Mfa, Plan
from rolehop.show.layout import Branch, Grid, Line, StyledText, View, facts, line, row
from rolehop.show.rows import (
    ChainRow,
    Hidden,
    HistoryRow,
    KeyRow,
    ProblemRow,
    ServedChainRow,
    ServerRow,
    SignInRow,
)
from rolehop.show.times import rfc3339, show_end, show_left, show_local, show_span
from rolehop.text import clean, pluralize

_NAMES_SHOWN = 3
_MFA = {Mfa.NONE: "-", Mfa.SESSION: "shared", Mfa.HOP: "own code"}


def chains_view(
    rows: Iterable[ChainRow],
    now: datetime,
    *,
    verbose: bool = False,
) -> View:
    """Show chains with their start, their end and the time left of a session."""
    drawn = [
        row(
            chain_name(each.name, each.color),
            each.continues or each.source or "",
            _end(each),
            time_left(each.cached.local_expires_at if each.cached else None, now),
            under=_under(each, verbose=verbose),
        )
        for each in rows
    ]
    return [Grid(("CHAIN", "FROM", "TO", "CACHED"), drawn)]


def _end(chain: ChainRow) -> str:
    if chain.roles:
        return short_role(chain.roles[-1])
    return f"{chain.assigned} in {chain.account}" if chain.assigned else "the source itself"


def plan_view(plan: Plan, now: datetime, *, verbose: bool) -> View:
    """Show every hop of a plan: role, lifetime, MFA, cache, and what will fail."""
    where = f", STS in {plan.region}" if verbose else ""
    head = line(
        chain_name(plan.chain, plan.color),
        f"  from {plan.source.type} source '{plan.source.name}'{where}",
    )
    hops = [
        row(
            str(step.number),
            short_role(str(step.hop.role)),
            show_span(step.hop.duration_seconds),
            _MFA[step.mfa],
            cache_text(step, now),
        )
        for step in plan.hops
    ]
    grid = [Grid(("HOP", "ROLE", "LASTS", "MFA", "CACHE"), hops)] if hops else []
    return [head, *grid, *remarks(plan, verbose=verbose)]


def sign_ins_view(rows: Iterable[SignInRow], now: datetime) -> View:
    """Show who is signed in to what, and until when."""
    return [
        line(
            "signed in to ",
            StyledText(", ".join(each.sources), "bold"),
            f"  {_until(each, now)}",
            ", by the AWS CLI" if each.by_cli else "",
        )
        for each in rows
    ]


def hidden_text(hidden: Hidden) -> str:
    """Return one line about what a locked keyring holds."""
    parts = (("session", hidden.sessions), ("sign-in", hidden.sign_ins))
    counted = " and ".join(pluralize(count, word) for word, count in parts if count)
    text = f"the {hidden.keyring} is locked: {counted} in it cannot be used now, and are not shown"
    return Advice(text, "; ", hidden.unlock) if hidden.unlock else text


def problems_view(rows: Sequence[ProblemRow], now: datetime, quote: Callable[[str], str]) -> View:
    """Show how `credential-process` failed last, three lines for each chain.

    ``quote`` writes an argument of a command in the shell of whoever reads them.
    """
    return [_problem(each, now, quote) for each in rows]


def servers_view(rows: Iterable[ServerRow], now: datetime) -> View:
    """Show each server, and its chains below it."""
    return [_server(each, now) for each in rows]


def server_text(server: ServerRow) -> str:
    """Return a server in words: what it serves, not more than a few chains, and its process."""
    names = few_names([each.chain for each in server.chains], verbose=False)
    return f"the server of {names} (process {server.process})"


def whoami_view(
    chain: str | None,
    color: str | None,
    caller: tuple[str, str, str],
    expires_at: datetime | None,
    now: datetime,
    *,
    long_lived: bool,
    verbose: bool,
) -> View:
    """Show who credentials are; ``caller`` is ARN, account and user ID as AWS returns them."""
    arn, account, user_id = map(clean, caller)
    left = show_end(expires_at, now, long_lived=long_lived)
    return [
        facts(
            ("chain", chain_name(chain, color) if chain else "-"),
            ("arn", arn),
            ("account", account),
            ("user id", user_id),
            ("lasts", f"{left} (until {rfc3339(expires_at)})" if verbose and expires_at else left),
        )
    ]


def keys_view(rows: Iterable[KeyRow]) -> View:
    """Show whose keys are kept where; a key ID is shortened."""
    drawn = [
        row(
            StyledText(each.name, "bold"),
            f"{each.access_key_id[:4]}…{each.access_key_id[-4:]}",
            show_local(each.added_at),
            each.keyring,
        )
        for each in rows
    ]
    return [Grid(("NAME", "ACCESS KEY ID", "SINCE", "KEYRING"), drawn)]


def history_view(rows: Iterable[HistoryRow], *, verbose: bool) -> View:
    """Show what happened, the oldest first."""
    drawn = [
        row(
            show_local(each.at),
            StyledText(clean(each.texts.get("chain", "-")), "bold"),
            _what(each),
            _whom(each),
            StyledText(clean(each.outcome), "" if each.outcome == "ok" else "red"),
            under=_history_under(each, verbose=verbose),
        )
        for each in rows
    ]
    return [Grid(("WHEN", "CHAIN", "WHAT", "WHO", "OUTCOME"), drawn)]


def _what(each: HistoryRow) -> str:
    action = clean(each.texts.get("action", each.event)).rpartition(":")[2]
    return f"handed over: {action}" if each.event == "handover" else action


def _whom(each: HistoryRow) -> str:
    role = each.texts.get("role")
    if role is None:
        return f"source '{clean(each.texts['source'])}'" if "source" in each.texts else "-"
    return short_role(role)


def _history_under(each: HistoryRow, *, verbose: bool) -> str:
    parts = {"reason": each.texts.get("reason")}
    if verbose:
        parts |= {
            "at": rfc3339(each.at),
            "hop": str(each.hop) if each.hop else None,
            "session": each.texts.get("session_name"),
            "request": each.texts.get("request_id"),
            "until": each.texts.get("expires_at"),
        }
    return ", ".join(f"{name} {clean(value)}" for name, value in parts.items() if value)


def remarks(plan: Plan, *, verbose: bool = False) -> Iterator[Line]:
    """Yield what a plan has to say besides its table; ``verbose``: with what is sent to STS."""
    if not plan.hops:
        account, role = (plan.source.settings.get(key) for key in ("account", "role"))
        yield line(
            "no hops: hands out the source's own session"
            + (f", of role {role} in account {account}" if account and role else "")
        )
    if plan.confirm:
        yield line("asks before it hands the session over")
    if plan.wants_reason:
        yield line("asks for a reason unless --reason gives one")
    yield from (line(f"note: {clean(note)}") for note in plan.notes)
    if plan.source_problem:
        yield line(StyledText("will fail", "red"), f": {clean(plan.source_problem)}")
    for step in plan.hops:
        yield from (line(f"hop {step.number}: {note}") for note in step.notes)
        if step.will_fail:
            yield line(f"hop {step.number} ", StyledText("will fail", "red"), f": {step.will_fail}")
        if verbose:
            yield from _details(step)


def _details(step: HopStep) -> Iterator[Line]:
    hop = step.hop
    settings = {
        "role": str(hop.role),
        "session name": hop.session_name,
        "ceiling": show_span(step.ceiling_seconds),
        "external ID": "set" if hop.external_id else None,
        "session policy": f"{len(hop.policy)} characters" if hop.policy else None,
        "policy ARNs": ", ".join(hop.policy_arns) or None,
        "tags": ", ".join(f"{key}={value}" for key, value in hop.tags) or None,
        "transitive tags": ", ".join(hop.transitive_tags) or None,
        "source identity": hop.source_identity,
        "MFA device": hop.mfa_serial,
        "cached until": rfc3339(step.expires_at),
    }
    for name, value in settings.items():
        if value:
            yield line(StyledText(f"  hop {step.number} {name}: {clean(value)}", "dim"))


def _until(sign_in: SignInRow, now: datetime) -> str:
    if sign_in.ends_at is None:
        return "until it is ended: when is not known here"
    left, at = show_left(sign_in.ends_at, now), show_local(sign_in.ends_at)
    if sign_in.renews:
        return "renewed when it is used next" if left == "expired" else f"until {at}, then renewed"
    return f"expired at {at}" if left == "expired" else f"until {at}, {left}"


def _problem(each: ProblemRow, now: datetime, quote: Callable[[str], str]) -> Branch:
    ago = f"{show_span(max(0, int((now - each.at).total_seconds())))} ago"
    how = f"failed {ago} with exit code {each.exit_code}" if each.exit_code else f"warned {ago}"
    head = line(
        StyledText("credential-process ", "dim"),
        StyledText(each.chain, "bold"),
        f" {how}: {each.what}",
    )
    more = (("cause", each.cause), ("try", one_line(each.fix, quote)))
    return Branch((head, *(line(f"{label}: {text}") for label, text in more if text)), ())


def few_names(names: Sequence[str], *, verbose: bool) -> str:
    """Return the first names and a count; ``verbose``: all names."""
    shown = names if verbose or len(names) <= _NAMES_SHOWN else names[: _NAMES_SHOWN - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def short_role(arn: str) -> str:
    """Return ``account:role/Name`` for a role ARN: without the partition."""
    parts = arn.split(":", 4)
    return clean(parts[4]) if len(parts) > 4 else clean(arn)


def chain_name(name: str, color: str | None) -> StyledText:
    """Return a chain's name in its colour, which is shown as a word elsewhere, too."""
    return StyledText(clean(name), f"bold {color}" if color else "bold")


def _under(chain: ChainRow, *, verbose: bool) -> str:
    """Return the text below a chain: description, colour name, end of its cached session."""
    until = rfc3339(chain.cached.expires_at) if verbose and chain.cached else None
    parts = (
        clean(chain.description),
        f"({chain.color})" if chain.color else "",
        f"cached until {until}" if until else "",
    )
    return " ".join(part for part in parts if part)


def time_left(local_expires_at: datetime | None, now: datetime) -> StyledText:
    """Return the time left of a session; ``None``: there is none."""
    if local_expires_at is None:
        return StyledText("-", "dim")
    left = show_left(local_expires_at, now)
    return StyledText(left, "red" if left == "expired" else "green")


def cache_text(step: HopStep, now: datetime) -> StyledText:
    """Return what is known of a hop's session."""
    if step.cache is Cache.FRESH:
        return time_left(step.local_expires_at, now)
    return StyledText({Cache.STALE: "stale", Cache.UNKNOWN: "unknown"}.get(step.cache, "none"))


def _server(server: ServerRow, now: datetime) -> Branch:
    ago = show_span(max(0, int((now - server.started_at).total_seconds())))
    head = line(
        StyledText(f"{server.command} server ", "dim"),
        StyledText(str(server.process), "bold"),
        f"  {server.address}  since {ago}",
        *((f"  {server.socket}",) if server.socket else ()),
    )
    asked = f"{pluralize(server.requests, 'request')}"
    clients = f"{asked} from {', '.join(server.clients)}" if server.clients else "no request yet"
    below = [Branch((line(*_served_chain(each, now)),), ()) for each in server.chains]
    return Branch((head, line(StyledText(clients, "dim"))), below)


def _served_chain(each: ServedChainRow, now: datetime) -> Sequence[str | StyledText]:
    left = StyledText("no session", "red")
    if each.expires_at is not None:
        left = StyledText(show_left(each.expires_at, now), "green")
    words = [StyledText(each.chain, "bold"), "  ", left]
    if each.next_renewal is not None:
        seconds = max(0, int((each.next_renewal - now).total_seconds()))
        words.append(StyledText(f"  renewed in {show_span(seconds)}", "dim"))
    return [*words, *((f"  {each.problem}",) if each.problem else ())]
