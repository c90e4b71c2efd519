"""Check the config, name values that may be mistakes, and print every key that it may have.

A value that may be a mistake is no error: AWS opens regions, devices of other makers have other
serial numbers, and one account may have the roles of others.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.arn import is_known_region, region_meant, regions_beside
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigProblem
from rolehop.base.files import read_trusted
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.config.model import ChainConfig, Config
from rolehop.config.schema import (
    ACCOUNT_NAME,
    ACCOUNTS,
    CHAIN,
    CONSOLE,
    DEFAULTS,
    FIELDS,
    FLEET,
    HISTORY,
    HOP,
    MEMBER,
    ORGANIZATION,
    SCOPE,
    SOURCE,
    TOP,
    VAULT,
    Key,
    Table,
)
from rolehop.config.value_types import Place

if TYPE_CHECKING:
    from rolehop.app.context import App

# A hardware device's serial number (IAM user guide, "Assigning a hardware TOTP token").
_SERIAL = Pattern(r"[A-Z]{4}[0-9]{8}")
_ACCOUNT = Pattern(r"(?:\A|:)([0-9]{12}):role/")

_OF_EACH_ACCOUNT = ("{account}", f"{{{ACCOUNT_NAME}}}", "{chain}")
"""Fields of a role by which a fleet's chains differ."""

Doubt = tuple[str, Place, str]
"""A file (empty: the last that has the place), a place in it, and what may be wrong there."""


def suspicious_values(
    config: Config,
    read: Callable[[str], str],
    doubts_about_policy: Callable[[str], Sequence[str]],
) -> tuple[ConfigProblem, ...]:
    """Return what may be wrong.

    Args:
        config: what was read.
        read: returns the text of a file of the config.
        doubts_about_policy: returns what may be wrong in the text of a session policy.
    """
    from rolehop.config.toml import index_lines, nearest_line
    from rolehop.config.validation import dotted

    found = []
    for file, place, text in dict.fromkeys(
        (*_doubts(config), *_of_policies(config, doubts_about_policy))
    ):
        files = [file] if file else list(reversed(config.files))
        lines = {each: index_lines(read(each)) for each in files}
        if place[0] == "accounts" and not any(place in each for each in lines.values()):
            continue  # fleets alone name several accounts so, each its own
        named = next((each for each in files if place in lines[each]), files[0])
        line = nearest_line(lines[named], place)
        found.append(ConfigProblem(named, line, dotted(place), text))
    return tuple(sorted(found, key=lambda each: (each.file, each.line or 0)))


def _doubts(config: Config) -> Iterator[Doubt]:
    yield from _of_region(config.defaults.region, "", ("defaults", "region"))
    yield from _of_account_names(config.account_names)
    for name, source in config.sources.items():
        file, place = config.source_places[name]
        yield from _of_region(source.region, file, (*place, "region"))
        yield from _of_region(source.settings.get("sso_region"), file, (*place, "sso_region"))
        yield from _of_serial(source.settings.get("mfa_serial"), file, (*place, "mfa_serial"))
    for chain in config.chains.values():
        file, place = config.place_of(chain.name)
        yield from _of_region(chain.region, file, (*place, "region"))
        for index, hop in enumerate(chain.hops):  # of a fleet's, none has a device
            yield from _of_serial(hop.mfa_serial, file, (*place, "hops", index, "mfa_serial"))
    yield from _of_fleet_roles(config)


def _of_fleet_roles(config: Config) -> Iterator[Doubt]:
    """Give the roles of fleets that lead into one account, whatever account a chain is named after.

    Not an error: one account may have a role for each, or each be where its chain starts.
    """
    done = set[str]()
    for chain in (*config.chains.values(), *_templates(config)):
        fleet, role = chain.fleet, chain.hops[0].role if chain.hops else ""
        if fleet is None or fleet in done or any(each in role for each in _OF_EACH_ACCOUNT):
            continue
        account = _ACCOUNT.search(role)
        if account is None or account[1] == chain.account or _starts_in_account(config, chain):
            continue
        done.add(fleet)
        file, place = config.chain_places[f"{fleet}/"]
        meant = role.replace(account[1], "{account}", 1)
        text = f"all accounts lead to {role}; unless that is meant, write {quoted(meant)}"
        yield file, (*place, "role"), text


def _templates(config: Config) -> Iterator[ChainConfig]:
    """Give a chain without an account for each fleet whose accounts AWS may not have listed so far."""
    if config.listed_fleets:
        from rolehop.config.account_query import OrganizationAccounts

        for each in config.listed_fleets.values():
            if isinstance(each.query, OrganizationAccounts):
                yield each.template


def _starts_in_account(config: Config, chain: ChainConfig) -> bool:
    """True if a fleet's chain signs in to its account."""
    first: ChainConfig | None = chain
    while first is not None and first.continues is not None:
        first = config.chains.get(first.continues)
    source = config.sources.get(first.source or "") if first is not None else None
    if chain.account_role is not None or source is None:
        return True  # or it cannot be told
    return any("{account}" in each for each in source.settings.values() if isinstance(each, str))


def _of_policies(config: Config, doubts: Callable[[str], Sequence[str]]) -> Iterator[Doubt]:
    for name, source in config.sources.items():
        file, place = config.source_places[name]
        policy = source.settings.get("policy")
        for text in doubts(policy) if isinstance(policy, str) else ():
            yield file, (*place, "policy"), f"the session policy: {text}; AWS may refuse it"
    for chain in config.chains.values():
        file, place = config.place_of(chain.name)
        for index, hop in enumerate(chain.hops):
            for text in doubts(hop.policy) if hop.policy is not None else ():
                where = place if chain.fleet else (*place, "hops", index)
                yield file, (*where, "policy"), f"the session policy: {text}; AWS may refuse it"


def _of_account_names(names: Mapping[str, str]) -> Iterator[Doubt]:
    for name, count in Counter(names.values()).items():
        if count > 1:
            accounts = " and ".join(sorted(each for each, of in names.items() if of == name))
            yield "", ("accounts", name), f"{accounts} are both called {quoted(name)}"


def _of_region(value: object, file: str, place: Place) -> Iterator[Doubt]:
    if not isinstance(value, str) or "{" in value or is_known_region(value):
        return
    beside, meant = regions_beside(value), region_meant(value)
    hint = f'did you mean "{meant}"?' if meant else "correct it"
    hint = f"write one of {', '.join(beside)}" if beside else hint
    yield file, place, f"{quoted(value)} is no region that is known here; unless it is new, {hint}"


def _of_serial(value: object, file: str, place: Place) -> Iterator[Doubt]:
    if not isinstance(value, str) or value == "auto" or value.startswith("arn:"):
        return
    if not _SERIAL.fullmatch(value):
        text = (
            f"not the ARN or serial number of an MFA device: {quoted(value)}; write"
            ' mfa_serial = "arn:aws:iam::111111111111:mfa/NAME", or "auto"'
        )
        yield file, place, text


_WIDTH = 80

_HEAD = (
    'Every key of the config file (TOML). Durations are like "90s", "30m", "1h30m", or whole'
    " seconds. Names are letters, digits, _ . @ + - and begin with a letter, a digit or _."
    ' If a key is a "template",'
)

_CALLER = (
    "In role session names and source identities also {caller}, the name that AWS knows the source"
    " by: the user's name for IAM user keys, the person's for identity-center, else the role session"
    " name. It costs a call, unless the source's session is stored or principal names a user or a"
    ' session. plan makes no call; it says "unknown" then.'
)


def render_reference(source_types: Mapping[str, Table]) -> str:
    """Return the reference, at most 80 columns wide, with a final newline.

    ``source_types``: the keys of each source type, besides those that all have.
    """
    fields = ", ".join(f"{{{field}}}" for field in FIELDS)
    parts = [_wrapped(f"{_HEAD} {fields} are filled in. {_CALLER}", "")]
    parts += [_table("Top level", TOP), _table("[defaults]", DEFAULTS), _table("[vault]", VAULT)]
    parts.append(_table("[organization]", ORGANIZATION))
    parts.append(_table("[console]", CONSOLE))
    parts.append(_table("[history]", HISTORY))
    parts.append(_table("[accounts]", ACCOUNTS))
    parts.append(_table("[sources.NAME]", SOURCE))
    parts += [
        _table(f'[sources.NAME] with type = "{name}"', table)
        for name, table in source_types.items()
    ]
    parts.append(_table("[chains.NAME]", CHAIN))
    parts.append(_table("[[chains.NAME.hops]]", HOP))
    parts.append(_table("[chains.NAME.scope]", SCOPE))
    parts.append(_table("[fleets.NAME]", FLEET))
    parts.append(_table("[fleets.NAME.chains.NAME]", MEMBER))
    return "\n\n".join(parts) + "\n"


def _table(title: str, table: Table) -> str:
    lines = [title, _wrapped(table.doc, "  ")]
    for key in table.keys:
        lines += ["", *_key(key)]
    return "\n".join(lines)


def _key(key: Key) -> Iterator[str]:
    yield f"  {key.name}"
    template = " (template)" if key.template else ""
    limit = f": {key.check.limit}" if key.check.limit else ""
    yield _wrapped(f"{key.check.kind}{template}{limit}", "      ")
    yield _wrapped(key.doc, "      ")
    yield _wrapped("required" if key.required else f"default: {key.default or 'none'}", "      ")


def _wrapped(text: str, indent: str) -> str:
    # No breaks inside words, so that each can be copied.
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def config_reference() -> str:
    """Return a text that lists every key of the config with its type, limit and default."""
    from rolehop.sources import SOURCE_TABLES

    return render_reference(SOURCE_TABLES)


@dataclass(frozen=True, slots=True)
class ConfigSummary:
    """What a config that is well-formed has."""

    files: tuple[str, ...]
    """The files that were read; none: there is no config yet."""

    chains: int
    sources: int
    suspicious: tuple[ConfigProblem, ...] = ()
    """What may be wrong in it, though nothing refuses it."""


def check_config(app: App) -> ConfigSummary:
    """Read the config, and count what it has.

    Raises:
        ConfigError: it is broken; the error lists everything that is wrong with it.
    """
    config = app.config
    read = tuple(name for name in config.files if Path(name).exists())
    suspicious = suspicious_values(config, lambda file: _text_of(Path(file)), _doubts_about)
    return ConfigSummary(read, len(config.chains), len(config.sources), suspicious)


def _doubts_about(policy: str) -> tuple[str, ...]:
    from rolehop.policy.session_policy import doubts_about  # few configs have one

    return doubts_about(policy)


def _text_of(path: Path) -> str:
    found = read_trusted(path)
    return "" if found is None else found.text.removeprefix("\ufeff")
