"""Fold what starts in one Identity Center: one source, and one fleet whose chains keep their names.

Tools that list an Identity Center write a profile for each account and role, often hundreds. As
sources of their own each would have a sign-in, and a list of chains would have no end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rolehop.awsconfig import AwsConfig
from rolehop.base.dataclass import replace
from rolehop.base.text import pluralize
from rolehop.commands.config.importing.names import name_of_center, told_apart
from rolehop.commands.config.importing.proposal import Proposal
from rolehop.config.draft import ChainDraft, FleetDraft, MemberDraft, SourceDraft
from rolehop.sources.cli_sign_in import portal_address

_OF_CHAIN = ("account", "role")
_Center = tuple[tuple[str, object], ...]


def folded(proposal: Proposal, sessions: Mapping[str, str]) -> Proposal:
    """Return the same with one source for each Identity Center that two or more chains start in.

    ``sessions``: names of Identity Centers by the addresses of their portals.
    """
    direct: dict[str, list[ChainDraft]] = {}
    for chain in proposal.chains:
        if chain.source is not None and not chain.hops:
            direct.setdefault(chain.source, []).append(chain)
    centers: dict[_Center, list[SourceDraft]] = {}
    for source in proposal.sources:
        if source.name in direct and source.settings.keys() >= set(_OF_CHAIN):
            centers.setdefault(_center(source), []).append(source)
    kept = proposal.chains
    sources, fleets = list(proposal.sources), list(proposal.fleets)
    for center, same in centers.items():
        if len(same) < 2:
            continue
        members = {chain.name: chain for each in same for chain in direct[each.name]}
        first = {each.name: direct[each.name][0].name for each in same}
        sources = [each for each in sources if each.name not in first]
        taken = {*(each.name for each in sources), *(each.name for each in fleets)}
        name = _name(center, sessions, taken, proposal.names)
        settings = {key: each for key, each in same[0].settings.items() if key not in _OF_CHAIN}
        sources.append(
            SourceDraft(name, settings, f"signs in for {pluralize(len(members), 'chain')}")
        )
        starts = {each.name: each for each in same}
        fleets.append(_fleet(name, members.values(), starts))
        kept = tuple(
            replace(each, source=None, continues=first[each.source])
            if each.source in first
            else each
            for each in kept
            if each.name not in members
        )
    return replace(proposal, sources=tuple(sources), chains=kept, fleets=tuple(fleets))


def by_session(source: SourceDraft, aws: AwsConfig) -> SourceDraft:
    """Return a source that names the ``sso-session`` of its Identity Center, if the AWS config has one."""
    url, region = (str(source.settings.get(key, "")) for key in ("start_url", "sso_region"))
    for name, keys in aws.sso_sessions.items() if url else ():
        there = portal_address(str(keys.get("sso_start_url", ""))), keys.get("sso_region")
        if there == (portal_address(url), region):
            rest = {
                key: value
                for key, value in source.settings.items()
                if key not in ("type", "start_url", "sso_region")
            }
            return replace(source, settings={"type": source.type, "sso_session": name, **rest})
    return source


def _center(source: SourceDraft) -> _Center:
    settings = {key: each for key, each in source.settings.items() if key not in _OF_CHAIN}
    settings["start_url"] = portal_address(str(settings.get("start_url", "")))
    return tuple(sorted(settings.items()))


def _name(
    center: _Center, sessions: Mapping[str, str], taken: set[str], chains: Iterable[str]
) -> str:
    """Return what source and fleet are called: as no chain is, nor as one begins."""
    address = str(dict(center)["start_url"])
    first = {each.partition("/")[0] for each in chains}
    return told_apart(sessions.get(address) or name_of_center(address), {*taken, *first})


def _fleet(
    name: str, chains: Iterable[ChainDraft], starts: Mapping[str, SourceDraft]
) -> FleetDraft:
    chains = list(chains)
    regions = Counter(each.region for each in chains)
    common = None if None in regions else regions.most_common(1)[0][0]
    members = []
    for each in chains:
        account, role = (str(starts[each.source or ""].settings[key]) for key in _OF_CHAIN)
        region = None if each.region == common else each.region
        member = MemberDraft(each.name, account, role, region, each.description, each.color)
        members.append(replace(member, labels=each.labels))
    accounts = {str(each.settings["account"]) for each in starts.values()}
    about = f"{pluralize(len(chains), 'chain')} in {pluralize(len(accounts), 'account')}"
    return FleetDraft(name, name, comment=about, members=tuple(members), region=common)
