"""The flags of one walk: one type for all of them, and a table of those that change the last hop.

A new flag that changes the last hop is a field here, a row of ``HOP_FLAGS``, its effect in
``plan/resolve.py``, its option in ``cli/param_types.py`` and its argument in ``api.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rolehop.base.dataclass import dataclass, field, replace

_LONGEST = 10**13  # seconds; what a flag can say, and timedelta can hold


@dataclass(slots=True)
class WalkOptions:
    """What flags change about one walk; each as it is when nothing is typed."""

    region: str | None = None
    min_ttl: int | None = None
    """Seconds of life that the session handed out must have left."""

    strict: bool = False
    mfa_stdin: bool = False
    no_prompt: bool = False

    duration: int | None = None
    """Of the last hop, in seconds."""

    read_only: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    policy_arns: tuple[str, ...] = ()
    policy: str | None = None
    """A session policy as JSON text."""

    source_identity: str | None = None
    reason: str | None = None

    in_program: bool = field(default=False, compare=False)
    """They are arguments of a call of the Python API: errors name them so."""

    def name_of(self, flag: str) -> str:
        """Return what whoever gave these options calls ``flag``, e.g. ``--tag``."""
        if not self.in_program:
            return flag
        fields = {each.flag: each.field for each in HOP_FLAGS}
        return fields.get(flag, flag.removeprefix("--"))

    @property
    def hop_flags(self) -> tuple[str, ...]:
        """The flags given that change the last hop, as they are typed."""
        return tuple(each.flag for each in HOP_FLAGS if getattr(self, each.field))

    @property
    def call_flags(self) -> tuple[str, ...]:
        """The flags given that change what is sent to STS, as they are typed."""
        return (*self.hop_flags, *(("--region",) if self.region else ()))

    @property
    def shell_flags(self) -> tuple[str, ...]:
        """The flags that a shell with the session remembers; of these, only the region says what."""
        return (*self.hop_flags, *((f"--region={self.region}",) if self.region else ()))

    @property
    def hop_values(self) -> dict[str, object]:
        """What the flags that change the last hop say, by field; plain enough for JSON."""
        return {each.field: getattr(self, each.field) for each in HOP_FLAGS}

    def with_hop_values(self, values: Mapping[str, object]) -> WalkOptions:
        """Return these options with ``hop_values`` of others, which may have been through JSON."""
        changes: dict[str, Any] = {name: _as_tuple(value) for name, value in values.items()}
        return replace(self, **changes)


def read_options(values: Mapping[str, object]) -> WalkOptions:
    """Return the options that JSON has by field, without trusting any of it.

    Raises:
        ValueError: a value that no flag gives.
    """
    for name, value in values.items():
        if not _is_of_flag(name, value):
            raise ValueError(f"{name} is none that a flag gives")
    return WalkOptions().with_hop_values(values)


def _is_of_flag(field: str, value: object) -> bool:
    """True if ``value``, read from JSON, can be that of ``field`` of the options."""
    match field:
        case "tags":
            return isinstance(value, list) and all(map(_is_pair, value))
        case "policy_arns":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "duration" | "min_ttl":
            return value is None or (type(value) is int and 0 <= value <= _LONGEST)
        case "read_only":
            return type(value) is bool
        case "region":
            return value is None or _is_region(value)
        case _:
            return value is None or isinstance(value, str)


def _is_region(value: object) -> bool:
    from rolehop.config.value_types import REGION

    try:
        return REGION.run(value) == value
    except ValueError:
        return False


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
    )


@dataclass(frozen=True, slots=True)
class HopFlag:
    """A flag that changes what the last hop asks for."""

    flag: str
    """As it is typed."""

    field: str
    """Of ``WalkOptions``."""

    sets: tuple[str, ...]
    """The hop's config keys that it sets: no edit of these in the config helps then."""


HOP_FLAGS = (
    HopFlag("--duration", "duration", ("duration",)),
    HopFlag("--read-only", "read_only", ("policy", "policy_arns")),
    HopFlag("--tag", "tags", ("tags", "transitive_tags")),
    HopFlag("--policy-arn", "policy_arns", ("policy", "policy_arns")),
    HopFlag("--session-policy", "policy", ("policy", "policy_arns")),
    HopFlag("--source-identity", "source_identity", ("source_identity",)),
    HopFlag("--reason", "reason", ("session_name", "tags")),
)


def _as_tuple(value: object) -> object:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
