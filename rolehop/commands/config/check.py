"""Values that are well-formed and may still be mistakes: only `config check` says so.

AWS opens regions, devices of other makers have other serial numbers, and one account may have the
roles of others: none of these is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from rolehop.arn import is_known_region, region_meant, regions_beside
from rolehop.config.model import ChainConfig, Config
from rolehop.config.templates import ACCOUNT_NAME
from rolehop.config.value_types import Place
from rolehop.errors import ConfigProblem
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import quoted

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
    from rolehop.config.problems import dotted
    from rolehop.config.toml.positions import index_lines, nearest_line

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
        from rolehop.config.fleets.account_query import OrganizationAccounts

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
            f"neither an ARN nor like a device's serial number: {quoted(value)}; write"
            ' mfa_serial = "arn:aws:iam::111111111111:mfa/NAME", or "auto"'
        )
        yield file, place, text
