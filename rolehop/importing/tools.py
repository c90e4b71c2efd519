"""The tools that a config can be made from: what each is known by, and where its own file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rolehop.awsconfig import AwsConfig
from rolehop.importing import aws_vault
from rolehop.importing.aws_profiles import chains_of
from rolehop.importing.draft import ProfileDraft
from rolehop.importing.names import names_of
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
    )
}


def tool_of_text(text: str) -> str:
    """Return the tool whose own file ``text`` is; ``aws-config`` for AWS profiles."""
    return next((name for name, each in TOOLS.items() if each.is_own(text)), AWS_CONFIG)


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
    whole = chains_of(draft) + own
    sources = names_of(each.name for each in whole.sources)
    return whole.renamed(sources, names_of(each.name for each in whole.chains))
