"""Which sources and AWS profiles a person signs in to, and under which name a sign-in is stored."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from rolehop.config.model import SourceConfig
from rolehop.errors import RolehopError
from rolehop.sources import SOURCE_TYPES, login_support

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.awsconfig import AwsConfig
    from rolehop.sources.context import SourceContext

OF_PROFILE = "profile/"
"""Before the name of an AWS profile if a source of the config has that name; no source has a slash."""


def source_of_profile(name: str, configured: Container[str]) -> SourceConfig:
    """Return the source that an AWS profile is, under a name that no ``configured`` source has."""
    own = f"{OF_PROFILE}{name}" if name in configured else name
    return SourceConfig(name=own, type="profile", settings={"profile": name})


def base_of(source: SourceConfig, aws: Callable[[], AwsConfig]) -> SourceConfig:
    """Return the source that ``source`` starts from: itself, or what its AWS profile leads to.

    It is ``source`` if there is no such profile, or if that is broken.
    """
    expand = SOURCE_TYPES[source.type].expand
    if expand is not None:
        with contextlib.suppress(RolehopError):
            return expand(source, aws())[0]
    return source


def token_name(base: SourceConfig, context: Callable[[], SourceContext]) -> str | None:
    """Return the name in the vault of what a sign-in to an expanded source stores, if it ends."""
    support = login_support(base)
    if support is None or support.token_name is None:
        return None
    with contextlib.suppress(RolehopError):  # its sso_session does not exist
        return support.token_name(base, context())
    return None


def profiles_with_sign_in(
    configured: Mapping[str, SourceConfig], context: SourceContext
) -> list[SourceConfig]:
    """Return the source of one AWS profile for each Identity Center that no ``configured`` one has."""
    from rolehop.awsconfig import CredentialKind, credential_kind_of

    aws = context.aws

    def token_of(source: SourceConfig) -> str | None:
        return token_name(base_of(source, lambda: aws), lambda: context)

    seen = {token_of(each) for each in configured.values()}
    found = []
    for name in aws.profiles:
        if credential_kind_of(aws, name) is CredentialKind.SSO:
            source = source_of_profile(name, configured)
            token = token_of(source)
            if token not in {None, *seen}:
                seen.add(token)
                found.append(source)
    return found
