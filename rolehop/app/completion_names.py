"""Load the names that completion offers, and store them for the next time."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.account_names import KnownNames
from rolehop.app.context import App
from rolehop.awsconfig import CredentialKind, credential_kind_of
from rolehop.base.errors import RolehopError
from rolehop.base.files import write_beside
from rolehop.config.value_types import name_meant
from rolehop.hotpath.completion import Names, as_text, names_path, no_names
from rolehop.hotpath.record import state_folder
from rolehop.plan.identity import NOBODY, Principal, principal_of, principal_of_source
from rolehop.vault.account_names import names_file

if TYPE_CHECKING:
    from rolehop.config.model import ChainConfig, Config


def load_names(app: App) -> Names:
    """Return the names in config and AWS files; none at all if the config is broken.

    Reads these files, and what accounts are called, only: no keyring, no network, no question.
    """
    names = no_names()
    app.dependencies.add_file(names_file(app.state_folder))
    try:
        config = app.config
    except RolehopError:
        return names
    called_by = KnownNames(app)
    has_names = bool(called_by)
    values: dict[str, set[str]] = {}
    for fleet in config.fleets:
        names["fleet"][f"{fleet}/*"] = "every chain of the fleet"
    for name, chain in config.chains.items():
        account, role = written_end(config, chain)
        called = called_by.get(account, "") if has_names else ""
        if name_meant(called) in name:  # as that of a fleet's chain is: it is found by that
            called = ""
        names["chain"][name] = " · ".join(filter(None, (called, chain.description)))
        if account not in name:
            names["account"][name] = account
        for label, value in chain.labels.items():
            names["fleet"][f"label:{label}={value}"] = "every chain with this label"
        if role:
            names["fleet"][f"role:{role}"] = "every chain that ends in this role"
        _add_listed(names["fleet"], chain, values)
    for key, found in values.items():
        names["fleet"].update(_tag_offers(key, found))
    names["source"] = {name: source.type for name, source in config.sources.items()}
    # A broken AWS file is an error only if a profile is used; chains may not need it.
    with contextlib.suppress(RolehopError):
        aws = app.aws_config
        names["profile"] = dict.fromkeys(aws.profiles, "AWS profile")
        for profile in aws.profiles:
            if credential_kind_of(aws, profile) is CredentialKind.SSO:
                names["source"].setdefault(profile, "AWS profile")
    return names


_MOST_VALUES = 20
"""Values of a tag that are offered; of more only the tag's name is: each account has its own."""


def _add_listed(offers: dict[str, str], chain: ChainConfig, values: dict[str, set[str]]) -> None:
    """Add the OU of a chain's account, and note the values of its tags."""
    if chain.unit:
        offers[f"ou:{chain.unit}"] = "every account in this OU"
        top = chain.unit.partition("/")[0]
        offers[f"ou:{top}/*"] = "every account in and below this OU"
    for key, value in (chain.account_tags or {}).items():
        values.setdefault(key, set()).add(value)


def _tag_offers(key: str, values: set[str]) -> dict[str, str]:
    if len(values) > _MOST_VALUES:
        return {f"tag:{key}": "every account with this tag"}
    return {f"tag:{key}={each}": "every account with this tag" for each in sorted(values)}


def written_end(config: Config, chain: ChainConfig) -> Principal:
    """Return whose session a chain ends with as far as its own table says it, nothing resolved."""
    if chain.hops:
        return principal_of(chain.hops[-1].role.replace("{account}", chain.account or ""))
    source = config.sources.get(chain.source or "")
    found = NOBODY if source is None else principal_of_source(source)
    return found._replace(account=chain.account or found.account)


def store_names(app: App, names: Names) -> None:
    """Store the result of ``load_names`` with everything that it depended on.

    Nothing is written if the config is broken; failing to write is no error.
    """
    folder = state_folder(app.variables)
    if folder is None or Path(folder) != app.state_folder or not app.is_config_loaded:
        return
    if app.dependencies.uncacheable or app.config_file is not None:
        return
    app.dependencies.add_variable("HOME")  # the AWS files are in it, and paths that begin with ~
    text = as_text(names, app.dependencies.files, app.dependencies.variables)
    if text is not None:
        with contextlib.suppress(OSError):
            write_beside(Path(names_path(folder)), text, lasting=False)
