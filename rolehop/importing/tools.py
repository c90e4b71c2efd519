"""The tools that a config can be made from: what each is known by, and where its own file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rolehop.awsconfig import AwsConfig
from rolehop.importing import (
    aws_runas,
    aws_sso_cli,
    aws_vault,
    awsume,
    granted,
    leapp,
    saml2aws,
)
from rolehop.importing.aws_profiles import chains_of
from rolehop.importing.draft import ProfileDraft
from rolehop.importing.names import names_of, told_apart
from rolehop.importing.proposal import Proposal
from rolehop.startup.dataclass import dataclass


def _nothing(draft: ProfileDraft, text: str) -> None:
    """Leave the profiles as they are: these are AWS's own."""


def _in_no_profile(draft: ProfileDraft) -> bool:
    return False


def _no_more(text: str) -> Proposal:
    return Proposal()


def _is_not_own(text: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """One tool."""

    name: str
    adapt: Callable[[ProfileDraft, str], None] = _nothing
    """Turns the tool's keys in AWS profiles into AWS's; gets the text of the tool's own file, too."""

    is_in: Callable[[ProfileDraft], bool] = _in_no_profile
    """Whether an AWS profile shows that the tool is used."""

    propose: Callable[[str], Proposal] = _no_more
    """What the tool's own file has. Raises ``ValueError``, saying what is wrong, if it is broken."""

    is_own: Callable[[str], bool] = _is_not_own
    """Whether a text is that of the tool's own file."""

    files: tuple[str, ...] = ()
    """Where its own file may be, the first that is there: below the home folder, or ``$NAME``."""

    partial: bool = False
    """Whether it uses only some of the AWS profiles: those that its keys or its own file name."""

    traces: tuple[str, ...] = ()
    """Below the home folder, what only this tool makes."""


AWS_CONFIG = "aws-config"
TOOLS: Mapping[str, ForeignTool] = {
    each.name: each
    for each in (
        ForeignTool(AWS_CONFIG),
        ForeignTool(
            "aws-vault",
            aws_vault.adapt,
            aws_vault.is_in,
            traces=(".awsvault", "Library/Keychains/aws-vault.keychain-db"),
        ),
        ForeignTool("granted", granted.adapt, granted.is_in, traces=(".granted/config",)),
        ForeignTool(
            "awsume",
            awsume.adapt,
            awsume.is_in,
            is_own=awsume.is_own,
            files=("$XDG_CONFIG_HOME/awsume/config.yaml", ".awsume/config.yaml"),
        ),
        ForeignTool(
            "aws-sso-cli",
            aws_sso_cli.adapt,
            aws_sso_cli.is_in,
            aws_sso_cli.propose,
            aws_sso_cli.is_own,
            partial=True,
            # Its docs: the old folder is used if it is there.
            files=("$AWS_SSO_CONFIG", ".aws-sso/config.yaml", ".config/aws-sso/config.yaml"),
        ),
        ForeignTool("aws-runas", aws_runas.adapt, aws_runas.is_in),
        ForeignTool(
            "saml2aws",
            saml2aws.adapt,
            saml2aws.is_in,
            is_own=saml2aws.is_own,
            partial=True,
            files=("$SAML2AWS_CONFIGFILE", ".saml2aws"),
        ),
        ForeignTool(
            "leapp", leapp.adapt, leapp.is_in, partial=True, traces=(".Leapp/Leapp-lock.json",)
        ),
    )
}


def tool_of_text(text: str) -> str:
    """Return the tool whose own file ``text`` is; ``aws-config`` for AWS profiles."""
    return next((name for name, each in TOOLS.items() if each.is_own(text)), AWS_CONFIG)


def check_own(tool: str, text: str) -> None:
    """Check that the text of a tool's own file can be read.

    Raises:
        ValueError: it is broken; says how.
    """
    TOOLS[tool].adapt(ProfileDraft.of(AwsConfig()), text)
    TOOLS[tool].propose(text)


def used_tools(aws: AwsConfig, texts: Mapping[str, str], traces: frozenset[str]) -> list[str]:
    """Return the tools that are used: by AWS profiles, by their own files or by their ``traces``."""
    draft = ProfileDraft.of(aws)
    return [
        name
        for name, each in TOOLS.items()
        if each.is_in(draft)
        or name in texts
        or name in traces
        or (name == AWS_CONFIG and aws.profiles)
    ]


def proposal_of(aws: AwsConfig, tools: list[str], texts: Mapping[str, str]) -> Proposal:
    """Return what ``tools`` have together: their profiles in the AWS files and their own files.

    Args:
        aws: the AWS files.
        tools: keys of ``TOOLS``.
        texts: the text of the own file of each that has one.

    Raises:
        ValueError: a tool's own file is broken.
    """
    draft = ProfileDraft.of(aws)
    own = Proposal()
    for name in tools:
        TOOLS[name].adapt(draft, texts.get(name, ""))
        if name in texts:
            own += TOOLS[name].propose(texts[name])
    if len(tools) == 1 and TOOLS[tools[0]].partial:
        draft.keep_only(tools[0])
    of_profiles = chains_of(draft)
    whole = of_profiles + _beside(own, of_profiles)
    sources = names_of(each.name for each in whole.sources)
    return whole.renamed(sources, names_of(each.name for each in whole.chains))


def _beside(own: Proposal, others: Proposal) -> Proposal:
    """Return ``own`` under names that ``others`` do not have."""
    sources, chains = ({each.name for each in part} for part in (others.sources, others.chains))
    return own.renamed(
        {each.name: told_apart(each.name, sources) for each in own.sources},
        {each.name: told_apart(each.name, chains) for each in own.chains},
    )
