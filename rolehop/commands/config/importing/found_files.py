"""Find the files of other tools, propose what the config lacks of them, ask, and write it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.config_files import (
    load_with,
    own_config_file,
    replace_config,
    with_more,
    with_same_config,
)
from rolehop.app.host import read_file
from rolehop.awsconfig import AwsConfig, parse_aws_config
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.files import (
    FileText,
    expand_home,
    is_plain_file,
    is_there,
    read_trusted,
)
from rolehop.commands.config.importing import (
    aws_runas,
    aws_sso_cli,
    aws_vault,
    awsume,
    granted,
    leapp,
    saml2aws,
    sign_in_tools,
    signing_helper,
    steampipe,
    switch_roles,
)
from rolehop.commands.config.importing.aws_profiles import chains_of
from rolehop.commands.config.importing.draft import ProfileDraft, without_comments
from rolehop.commands.config.importing.folding import by_session, folded
from rolehop.commands.config.importing.names import names_of, told_apart
from rolehop.commands.config.importing.proposal import (
    HEAD,
    KeysElsewhere,
    Proposal,
    lacking,
    loadable,
    proposed_text,
)
from rolehop.commands.keys.from_profile import keyring_name
from rolehop.config.value_types import slug
from rolehop.sources.cli_sign_in import portal_address

if TYPE_CHECKING:
    from rolehop.app.context import App


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

    on_profiles: bool = False
    """Whether what its own file says goes on from the user's AWS profiles."""

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
            sign_in_tools.OKTA,
            sign_in_tools.adapt_okta,
            is_own=sign_in_tools.is_okta,
            partial=True,
            files=(".okta-aws",),
        ),
        ForeignTool(
            sign_in_tools.GIMME,
            sign_in_tools.adapt_gimme,
            is_own=sign_in_tools.is_gimme,
            partial=True,
            files=("$OKTA_CONFIG", ".okta_aws_login_config"),
        ),
        *(
            ForeignTool(
                each,
                sign_in_tools.adapt_marked(each),
                sign_in_tools.marks_profiles(each),
                partial=True,
            )
            for each in (sign_in_tools.AZURE, sign_in_tools.GOOGLE)
        ),
        ForeignTool(signing_helper.NAME, signing_helper.adapt, signing_helper.is_in, partial=True),
        ForeignTool(
            steampipe.NAME,
            steampipe.adapt,
            is_own=steampipe.is_own,
            partial=True,
            on_profiles=True,
            files=("$STEAMPIPE_INSTALL_DIR/config/aws.spc", ".steampipe/config/aws.spc"),
        ),
        ForeignTool(
            switch_roles.NAME,
            switch_roles.adapt,
            switch_roles.is_in,
            is_own=switch_roles.is_own,
            partial=True,
            on_profiles=True,
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
    aws = without_comments(aws)
    draft = ProfileDraft.of(aws, alone=len(tools) == 1)
    own = Proposal()
    for name in tools:
        TOOLS[name].adapt(draft, texts.get(name, ""))
        if name in texts:
            own += TOOLS[name].propose(texts[name])
    if len(tools) == 1 and TOOLS[tools[0]].partial:
        draft.keep_only(tools[0])
    of_profiles = chains_of(draft)
    whole = folded(of_profiles + _beside(own, of_profiles), _sessions(aws))
    members = {one.name for each in whole.fleets for one in each.members}
    return whole.renamed(
        names_of(each.name for each in whole.sources), names_of(whole.names, members)
    )


def _sessions(aws: AwsConfig) -> dict[str, str]:
    """Return the names of Identity Centers by the addresses of their portals."""
    return {
        portal_address(str(keys.get("sso_start_url", ""))): slug(name)
        for name, keys in reversed([*aws.sso_sessions.items()])
    }


def _beside(own: Proposal, others: Proposal) -> Proposal:
    """Return ``own`` under names that ``others`` do not have."""
    sources, chains = ({each.name for each in part} for part in (others.sources, others.chains))
    return own.renamed(
        {each.name: told_apart(each.name, sources) for each in own.sources},
        {each.name: told_apart(each.name, chains) for each in own.chains},
    )


_LONGEST = 16 * 1024 * 1024  # bytes


@dataclass(slots=True)
class FoundFiles:
    """What there is to make a config of."""

    aws: AwsConfig
    tools: list[str]
    """The tools that are used."""

    texts: dict[str, str] = field(default_factory=dict)
    """By tool, the text of its own file."""

    seen: list[str] = field(default_factory=list)
    """What was found, a line each."""

    broken: list[str] = field(default_factory=list)
    """What could not be read, and why, a line each."""

    elsewhere: bool = False
    """Whether the profiles are of a file that AWS's tools do not read here."""


def files_of(app: App, named: str | None) -> FoundFiles:
    """Find the files of the tool ``named``, or the one file; without it, of all tools.

    Raises:
        UsageError: it is neither a tool nor a file.
        ConfigError: what was named cannot be read, is broken, or can be written by others.
    """
    if named is None:
        return _of_all(app)
    if named in TOOLS:
        return _of_tool(app, TOOLS[named])
    path = expand_home(named, app.home)
    if not is_plain_file(path):
        listed = ", ".join(TOOLS)
        raise UsageError(f"'{named}' is neither a tool nor a file", fix=f"{listed}, or a file")
    text = _text(path) or ""
    is_awss_own = path.resolve() in {each.resolve() for each in app.aws_files}
    tool = AWS_CONFIG if is_awss_own else tool_of_text(text)
    if tool != AWS_CONFIG:
        _check_own(path, tool, text)
        aws = _aws(app) if TOOLS[tool].on_profiles else parse_aws_config(None, None)
        return FoundFiles(aws, [tool], {tool: text}, [f"{path}: {tool}"])
    is_config = "[profile " in text or path.name != "credentials"
    aws = (
        parse_aws_config(text, None, config_file=str(path))
        if is_config
        else parse_aws_config(None, text, credentials_file=str(path))
    )
    found = FoundFiles(aws, used_tools(aws, {}, frozenset()), {}, [_profiles_line(aws, path)])
    found.elsewhere = not is_awss_own
    return found


def readings_of(app: App, found: FoundFiles) -> Iterator[FoundFiles]:
    """Give the same AWS profiles as each of the tools reads them that are used here, and as all do."""
    everything = found if found.elsewhere else _of_all(app)
    tools = used_tools(found.aws, everything.texts, frozenset(everything.tools))
    for read_by in (*([each] for each in tools), tools):
        if read_by != found.tools:
            yield replace(found, tools=read_by, texts=everything.texts)


def _of_tool(app: App, tool: ForeignTool) -> FoundFiles:
    found = FoundFiles(_aws(app), [tool.name])
    _add_own_file(app, found, tool)
    _say_profiles(app, found)
    return found


def _of_all(app: App) -> FoundFiles:
    try:
        aws, broken = _aws(app), []
    except ConfigError as error:
        aws, broken = parse_aws_config(None, None), [_said(error)]
    found = FoundFiles(aws, [], broken=broken)
    for tool in TOOLS.values():
        try:
            _add_own_file(app, found, tool)
        except ConfigError as error:
            found.broken.append(_said(error))
    traces = frozenset(
        tool.name
        for tool in TOOLS.values()
        if any(is_there(app.home / each) for each in tool.traces)
    )
    found.tools = used_tools(aws, found.texts, traces)
    _say_profiles(app, found)
    return found


def _said(error: RolehopError) -> str:
    lines = [str(each) for each in getattr(error, "complaints", ())]
    return ": ".join(filter(None, (error.what, "; ".join(lines) or error.cause)))


def _say_profiles(app: App, found: FoundFiles) -> None:
    if found.aws.profiles:
        tools = [each for each in found.tools if each != AWS_CONFIG and each not in found.texts]
        line = _profiles_line(found.aws, app.aws_files[0])
        found.seen.insert(0, f"{line} ({', '.join(tools)})" if tools else line)


def _profiles_line(aws: AwsConfig, path: Path) -> str:
    from rolehop.base.text import pluralize

    return f"{path}: {pluralize(len(aws.profiles), 'AWS profile')}"


def _add_own_file(app: App, found: FoundFiles, tool: ForeignTool) -> None:
    for each in tool.files:
        path = _path(app, each)
        text = None if path is None else _text(path)
        if text is not None:
            _check_own(path, tool.name, text)
            found.texts[tool.name] = text
            found.seen.append(f"{path}: {tool.name}")
            return


def _check_own(path: Path | None, tool: str, text: str) -> None:
    try:
        check_own(tool, text)
    except ValueError as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", fix="correct it, or write the chains by hand"
        ) from None


def _path(app: App, written: str) -> Path | None:
    """Return the path of a file of a tool: below the home folder, or below a variable's folder."""
    if not written.startswith("$"):
        return app.home / written
    variable, _, rest = written[1:].partition("/")
    value = app.environ.get(variable)
    return expand_home(value, app.home) / rest if value else None


def _aws(app: App) -> AwsConfig:
    config, credentials = (
        None if str(path) == os.devnull else _text(path) for path in app.aws_files
    )
    config_file, credentials_file = map(str, app.aws_files)
    return parse_aws_config(
        config, credentials, config_file=config_file, credentials_file=credentials_file
    )


def _text(path: Path) -> str | None:
    """Return the text of a file, ``None`` if there is none.

    Raises:
        ConfigError: it cannot be read, is no regular file, is too long, or others can write it.
    """
    try:
        found = read_trusted(path, _LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read", cause=reason) from None
    if found is None:
        return None
    if found.distrust is not None:
        raise ConfigError(
            f"nothing is taken from {path}",
            cause=str(found.distrust),
            fix=found.distrust.advice(str(path)),
        )
    return found.text.removeprefix("\ufeff")


@dataclass(frozen=True, slots=True)
class ConfigImport:
    """What would be written into the user's own config file."""

    path: Path
    old: FileText | None
    """``None``: there is no file yet."""

    text: str
    """The whole file, as it would be."""

    added: Proposal
    """What of it is new; all that could not be carried, also of what is there already."""

    there: int
    """How many chains the config has already, exactly so."""

    @property
    def names(self) -> tuple[str, ...]:
        """The chains that are new."""
        return self.added.names

    @property
    def keys(self) -> tuple[KeysElsewhere, ...]:
        """Who has the keys of the sources that are new."""
        return self.added.keys

    @property
    def new_text(self) -> str:
        """The tables that are new, as they would be written."""
        return proposed_text(self.added) if self.names else ""


def plan_import(app: App, found: FoundFiles) -> ConfigImport:
    """Return what the config lacks of what was ``found``; nothing is written.

    Raises:
        ConfigError: the config itself is broken.
    """
    from rolehop.config.model import Config
    from rolehop.sources import SOURCE_TABLES

    path = own_config_file(app)
    proposal, loaded = loadable(_proposed(found), SOURCE_TABLES)
    old = read_file(path)
    # A file that was named need not be there yet.
    config = Config() if old is None and app.config_roots[1] else app.config

    @cache
    def otherwise() -> list[Config]:
        proposals = (_proposed(each) for each in readings_of(app, found))
        return [loadable(each, SOURCE_TABLES)[1] for each in proposals]

    added, there = lacking(proposal, loaded, config, otherwise)
    before = HEAD if old is None else old.text
    new = with_more(before, proposed_text(added)) if added.names else before
    if added.names:
        load_with(app, path, new, old.distrust if old is not None else None)
    return ConfigImport(path, old, new, added, there)


def _proposed(found: FoundFiles) -> Proposal:
    proposed = proposal_of(found.aws, found.tools, found.texts)
    if found.elsewhere:
        return proposed.of_unread_files()
    # By the name of its session a source finds the sign-in of the AWS CLI, which is used on.
    return replace(
        proposed, sources=tuple(by_session(each, found.aws) for each in proposed.sources)
    )


def confirm_import(app: App, planned: ConfigImport) -> None:
    """Ask whether it may be written.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
    """
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes
    from rolehop.base.text import pluralize

    count = pluralize(len(planned.names), "chain")
    answer = ask_yes_or_no(app.person, f"Add {count} to {planned.path}?")
    if not is_yes(answer):
        raise declined("nothing was written", answer, "answer y to write it")


def write_import(app: App, planned: ConfigImport) -> None:
    """Write the config file.

    Raises:
        ConfigError: it has changed since it was read, or cannot be written.
    """
    replace_config(app, planned.path, planned.old, planned.text)


def keys_lines(app: App, keys: Sequence[KeysElsewhere]) -> Iterator[Advice]:
    """Give the commands that move keys into the keyring; of several profiles it is one for all."""
    alike = [each for each in keys if each.profile and each.source == keyring_name(each.profile)]
    if len(alike) > 1:
        held = " and ".join(dict.fromkeys(each.held_by for each in alike))
        add = with_same_config(app, "keys add --all-profiles")
        yield Advice(f"keys of {len(alike)} AWS profiles in {held}: ", add)
    yield from (keys_advice(app, each) for each in keys if len(alike) < 2 or each not in alike)


def keys_advice(app: App, keys: KeysElsewhere) -> Advice:
    """Return the command that moves keys which another tool has into the keyring."""
    add = with_same_config(app, "keys add ", Argument(keys.source))
    if keys.profile:
        from_file = (" --from-profile ", Argument(keys.profile))
        return Advice(f"keys in {keys.held_by}: ", add, *from_file)
    if not keys.command:
        return Advice(f"keys in {keys.held_by}: ", add)
    *words, profile = keys.command
    printed = (f"{' '.join(words)} ", Argument(profile))
    return Advice(f"keys in {keys.held_by}: ", *printed, " | ", add, " --stdin")
