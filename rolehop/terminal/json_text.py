"""The JSON of every table: all keys always present, times RFC 3339 Z, durations in seconds.

`json_lines` is for people: JSON that is shown in few lines, such as a policy.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from json.encoder import encode_basestring

from rolehop.errors import ConfigProblem, RolehopError
from rolehop.plan.model import HopStep, Plan
from rolehop.show.rows import (
    ChainRow,
    Hidden,
    HistoryRow,
    KeyRow,
    ProblemRow,
    ProfileRow,
    ServerRow,
    SessionRow,
    SignInRow,
)
from rolehop.show.times import rfc3339, seconds_left
from rolehop.text import visible_json

Document = dict[str, object]


def json_lines(value: Mapping[str, object], width: int) -> list[str]:
    """Return an object as JSON to be read: as few lines of at most ``width`` as it can be."""
    return visible_json(_object(value, "", width)).split("\n")


def _value(value: object, column: int, indent: str, width: int) -> str:
    """Return ``value``, which begins at ``column``; what it encloses is indented below ``indent``."""
    flat = _text(value)
    if column + len(flat) < width or not value or not isinstance(value, Mapping | list | tuple):
        return flat
    if isinstance(value, Mapping):
        if len(value) > 1:
            return _object(value, indent, width)
        ((key, only),) = value.items()
        head, below = f"{_text(key)}: ", f"{indent}  "
        if column + len(head) < width // 2:
            return f"{{{head}{_value(only, column + len(head) + 1, indent, width)}}}"
        return f"{{\n{below}{head}{_value(only, len(below + head) + 1, below, width)}}}"
    items = "\0".join(map(_text, value)).replace(" ", "\1").replace("\0", ", ")
    below = f"{indent}  "
    filled = textwrap.fill(
        items,
        width,
        initial_indent=below,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "[\n{}\n{}]".format(filled.replace("\1", " "), indent)


def _object(value: Mapping[str, object], indent: str, width: int) -> str:
    below, lines = f"{indent}  ", [""]
    for number, (key, each) in enumerate(value.items(), start=1):
        head = f"{_text(key)}: "
        member = head + _value(each, len(below + head), below, width)
        member += "," if number < len(value) else ""
        plain = "\n" not in lines[-1] + member and not isinstance(each, Mapping)
        if plain and lines[-1] and len(f"{lines[-1]} {member}") <= width:
            lines[-1] += f" {member}"
        else:
            lines.append(f"{below}{member}")
    return "\n".join(["{", *lines[1:], f"{indent}}}"])


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_json(document: Document) -> str:
    """Return ``document`` as indented JSON text, without a final newline.

    Characters that a terminal would not show as themselves are escaped.
    """
    return visible_json(_indented(document, "\n"))


def _indented(value: object, end: str) -> str:
    """Return what ``json.dumps`` does with ``indent=2``, in a third of the time.

    ``end``: a line end, and the blanks before what closes ``value``.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    below = f"{end}  "
    if isinstance(value, dict):
        members = [f"{encode_basestring(key)}: {_indented(value[key], below)}" for key in value]
        return f"{{{below}{f',{below}'.join(members)}{end}}}" if members else "{}"
    if isinstance(value, list | tuple):
        items = [_indented(each, below) for each in value]
        return f"[{below}{f',{below}'.join(items)}{end}]" if items else "[]"
    return _text(value)


def config_document(
    files: Sequence[str],
    chains: int,
    sources: int,
    problems: Sequence[ConfigProblem],
    *,
    suspicious: Sequence[ConfigProblem] = (),
    what: str | None = None,
) -> Document:
    """Return ``rolehop.config/1``; ``what``: why the config is broken, ``None``: it is well-formed."""
    listed, doubted = (
        [
            {"file": each.file, "line": each.line, "key": each.key or None, "text": each.text}
            for each in group
        ]
        for group in (problems, suspicious)
    )
    if what is not None and not listed:
        listed = [{"file": None, "line": None, "key": None, "text": what}]
    return {
        "schema": "rolehop.config/1",
        "well_formed": what is None,
        "files": list(files),
        "chains": chains,
        "sources": sources,
        "problems": listed,
        "suspicious": doubted,
    }


def list_document(rows: Iterable[ChainRow]) -> Document:
    """Return ``rolehop.list/1``."""
    return {
        "schema": "rolehop.list/1",
        "chains": [
            {
                "name": row.name,
                "description": row.description,
                "source": row.source,
                "from": row.continues,
                "fleet": row.fleet,
                "labels": dict(row.labels),
                "hops": list(row.roles),
                "cached_until": rfc3339(row.cached.expires_at if row.cached else None),
            }
            for row in rows
        ],
    }


def plan_document(plan: Plan) -> Document:
    """Return ``rolehop.plan/1``."""
    return {
        "schema": "rolehop.plan/1",
        "chain": plan.chain,
        "source": {"name": plan.source.name, "type": plan.source.type},
        "hops": [plan_hop(step, plan) for step in plan.hops],
    }


def plan_hop(step: HopStep, plan: Plan) -> Document:
    """Return one hop, as in ``rolehop.plan/1``."""
    problem = plan.source_problem if step.number == 1 else None
    return {
        "hop": step.number,
        "role": str(step.hop.role),
        "account": step.hop.role.account,
        "session_name": step.hop.session_name,
        "duration": step.hop.duration_seconds,
        "ceiling": step.ceiling_seconds,
        "mfa": step.mfa.value,
        "cache": step.cache.value,
        "expires_at": rfc3339(step.expires_at),
        "notes": list(step.notes),
        "will_fail": step.will_fail or problem,
    }


def status_document(
    rows: Iterable[SessionRow],
    sign_ins: Iterable[SignInRow],
    hidden: Iterable[Hidden],
    problems: Iterable[ProblemRow],
    servers: Iterable[ServerRow],
    now: datetime,
) -> Document:
    """Return ``rolehop.status/1``; ``parent`` is the ARN of the session that signed, if known.

    ``hidden`` counts what a locked keyring has, which is not in the other lists.
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
        "servers": _servers(servers),
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
        "by_aws_cli": row.by_cli,
    }


def _sdk_problem(row: ProblemRow) -> Document:
    return {
        "chain": row.chain,
        "at": rfc3339(row.at),
        "code": row.exit_code,
        "what": row.what,
        "cause": row.cause or None,
        "fix": row.fix or None,
    }


def _servers(rows: Iterable[ServerRow]) -> list[Document]:
    return [
        {
            "pid": each.process,
            "command": each.command,
            "started_at": rfc3339(each.started_at),
            "address": each.address,
            "socket": each.socket,
            "requests": each.requests,
            "clients": list(each.clients),
            "chains": [
                {
                    "chain": served.chain,
                    "expires_at": rfc3339(served.expires_at),
                    "next_renewal": rfc3339(served.next_renewal),
                    "problem": served.problem,
                }
                for served in each.chains
            ],
        }
        for each in rows
    ]


def whoami_document(
    chain: str | None, arn: str, account: str, user_id: str, expires_at: datetime | None
) -> Document:
    """Return ``rolehop.whoami/1``; ``chain`` is ``None`` for credentials rolehop did not give."""
    return {
        "schema": "rolehop.whoami/1",
        "chain": chain,
        "arn": arn,
        "account": account,
        "user_id": user_id,
        "expires_at": rfc3339(expires_at),
    }


def keys_document(rows: Iterable[KeyRow]) -> Document:
    """Return ``rolehop.keys/1``."""
    return {
        "schema": "rolehop.keys/1",
        "keys": [
            {
                "name": row.name,
                "access_key_id": row.access_key_id,
                "backend": row.backend,
                "added_at": rfc3339(row.added_at),
            }
            for row in rows
        ],
    }


def profiles_document(rows: Iterable[ProfileRow]) -> Document:
    """Return ``rolehop.profiles/1``."""
    return {
        "schema": "rolehop.profiles/1",
        "profiles": [
            {
                "profile": row.profile,
                "chain": row.chain,
                "file": row.file,
                "installed": row.installed,
                "credential_process": row.line,
                "problem": row.problem,
                "rewrite": row.rewrite,
            }
            for row in rows
        ],
    }


def history_document(rows: Iterable[HistoryRow]) -> Document:
    """Return ``rolehop.history/1``."""
    return {
        "schema": "rolehop.history/1",
        "lines": [
            {
                "number": each.number,
                "at": rfc3339(each.at),
                "event": each.event,
                "action": each.texts.get("action"),
                "chain": each.texts.get("chain"),
                "hop": each.hop,
                "role": each.texts.get("role"),
                "source": each.texts.get("source"),
                "session_name": each.texts.get("session_name"),
                "request_id": each.texts.get("request_id"),
                "expires_at": each.texts.get("expires_at"),
                "outcome": each.outcome,
                "reason": each.texts.get("reason"),
            }
            for each in rows
        ],
    }


def error_document(error: RolehopError) -> Document:
    """Return ``rolehop.error/1``."""
    return {
        "schema": "rolehop.error/1",
        "code": error.exit_code,
        "what": error.what,
        "cause": error.cause,
        "fix": error.fix,
        "chain": error.chain,
        "hop": error.hop,
    }
