"""The manual: one Markdown file for each topic, beside this module.

A topic begins with its title and one sentence about it. Comments in it are for those who write it
and for the tests (which blocks cannot run there), so nobody is shown them.
"""

from __future__ import annotations

from pathlib import Path

ORDER = (
    *("getting-started", "existing-aws-config"),
    *("from-aws-vault", "from-granted", "from-awsume", "from-aws-sso-cli", "from-aws-cli"),
    *(
        "configuration",
        "sources",
        "programs",
        "mfa",
        "identity-center",
        "ci-oidc",
        "roles-anywhere",
    ),
    *("commands", "json", "shell", "credential-process", "clients", "containers", "terraform"),
    *(
        "console",
        "many-accounts",
        "python-api",
        "scopes",
        "iam-roles",
        "refusal",
        "troubleshooting",
    ),
    *("keyring", "server-keyring", "how-it-works", "security", "uninstall"),
)
"""The topics, in the order in which somebody new would read them."""

_FOLDER = Path(__file__).parent
_SUFFIX = ".md"


def topic_names() -> list[str]:
    """Return the names of all topics, in the order in which they are listed."""
    there = {each.stem for each in _FOLDER.iterdir() if each.suffix == _SUFFIX}
    return [*(each for each in ORDER if each in there), *sorted(there.difference(ORDER))]


def topic_text(name: str) -> str:
    """Return a topic's Markdown without its comments; ``name`` is one of `topic_names`."""
    text = _FOLDER.joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    kept, rest = "", text
    while rest:
        shown, comment, rest = rest.partition("<!--")
        kept += shown
        if comment:
            rest = rest.partition("-->")[2].removeprefix("\n")
    return kept


def topic_summary(name: str) -> str:
    """Return the sentence about a topic: its second paragraph, in one line without Markdown."""
    paragraphs = topic_text(name).split("\n\n", 2)
    return " ".join(paragraphs[1].replace("`", "").split())
