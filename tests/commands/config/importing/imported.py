"""What becomes of files of other tools: the proposal as the loader reads it, and what is not in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from rolehop.awsconfig import parse_aws_config
from rolehop.commands.config.importing.found_files import proposal_of
from rolehop.commands.config.importing.proposal import loadable, proposed_text, report_lines
from rolehop.sources import SOURCE_TABLES


@dataclass
class Imported:
    """A proposal, in texts."""

    sources: dict[str, Any]
    chains: dict[str, Any]
    lost: list[str]
    keys: dict[str, str]
    """By source, the command that prints the keys, else who has them."""

    fleets: dict[str, Any]


def imported(
    tool: str, config: str = "", credentials: str = "", own: str | None = None
) -> Imported:
    """Return what ``tool`` has in the AWS files and in its own file; the loader accepts it."""
    aws = parse_aws_config(config, credentials)
    proposal = proposal_of(aws, [tool], {} if own is None else {tool: own})
    proposal, _ = loadable(proposal, SOURCE_TABLES)
    read = tomllib.loads(proposed_text(proposal))
    keys = {
        each.source: f"profile {each.profile}"
        if each.profile
        else " ".join(each.command) or each.held_by
        for each in proposal.keys
    }
    return Imported(
        read.get("sources", {}),
        read.get("chains", {}),
        report_lines(proposal.lost),
        keys,
        read.get("fleets", {}),
    )
