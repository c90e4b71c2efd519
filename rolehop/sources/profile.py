"""Any profile of the AWS config: its roles become hops, and what is below them is the source.

`expand` comes first, always: it turns a profile with ``role_arn`` into its base and hops, so that
every hop is planned, cached and explained like any other. `stamp` and `build` take what it gives.
Static keys are read here, a process is asked as a source of that type asks; whatever needs a sign-in
is left to botocore. Where a profile holds nothing botocore goes on to the machine's role, which is
somebody else: here it must say ``credential_source``, so that a misspelt key is no way to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.arn import partition_of
from rolehop.aws.shell_split import split_command
from rolehop.awsconfig import (
    AwsConfig,
    Base,
    Holds,
    ProfileChain,
    holds,
    profile_path,
    profile_sections,
    profile_setting,
    static_keys,
    why_nothing,
)
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.shared.mfa import MFA_KEYS, mfa_command_found
from rolehop.sources.shared.recursion import refuse_loop, with_resolving
from rolehop.sources.shared.subprocesses import environment_of_program
from rolehop.sources.source_type import Expanded, Finding, SourceType, problem_of
from rolehop.startup.dataclass import dataclass, replace
from rolehop.text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

TABLE = Table(
    "sources.NAME (profile)",
    "any profile of the AWS config; its roles become hops before the chain's own",
    (
        Key("profile", value_types.TEXT, "the profile's name in ~/.aws/config", required=True),
        *MFA_KEYS,
    ),
)

BASE = "base"
"""A setting that only `expand` sets. Without it a profile with static keys and a role could be
taken for its keys, which is somebody else."""

_MACHINES = {Base.INSTANCE: "instance", Base.CONTAINER: "container"}
"""The source types that two values of ``credential_source`` stand for."""

# What must not be taken for the profile's own by a process that asks AWS on its behalf.
_LEAKING = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
    }
)


def expand(source: SourceConfig, aws: AwsConfig) -> Expanded:
    """Return the base of a ``profile`` source, the hops of its roles, and notes for a person.

    The hops come before the chain's own. The base is of type ``profile``, or of the type that a
    ``credential_source`` stands for. Where it may give IAM user keys it carries the device that
    hop 1 asks for as its ``mfa_serial``, unless the config names one. A base that this gave is
    returned as it is.

    Raises:
        SourceError: there is no such profile.
        ConfigError: the profile cannot be followed.
    """
    if BASE in source.settings:
        return source, (), ()
    path = profile_path(aws, str(source.settings["profile"]))
    base = _base_of(path, aws)
    machine = _MACHINES.get(base)
    if machine is not None:
        return replace(source, type=machine, settings={}), path.hops, path.notes
    settings = {key: value for key, value in source.settings.items() if key != "profile"}
    if path.mfa_serial is not None:
        settings.setdefault("mfa_serial", path.mfa_serial)
    if base is Base.ENVIRONMENT:
        return replace(source, type="environment", settings=settings), path.hops, path.notes
    settings |= {"profile": path.base_profile, BASE: base.value}
    return replace(source, settings=settings), path.hops, path.notes


def _base_of(path: ProfileChain, aws: AwsConfig) -> Base:
    """Return the path's base, or what ``credential_source`` names in one that holds nothing else.

    botocore reads that key beside a ``role_arn`` only, and asks the machine whatever it says.
    """
    if path.base is not Base.PROFILE or holds(aws, path.base_profile) is not Holds.NOTHING:
        return path.base
    said = profile_setting(aws, path.base_profile, "credential_source")
    return next((base for base in Base if base.value == said), Base.PROFILE)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return the digest of the sections that the profile is made of.

    For a process its definition is all there is; who it signs in as can change unseen, which
    ``principal`` pins.

    Raises:
        SourceError: the profile's process leads back to the profile.
    """
    name = _asked(source)
    try:
        held = holds(inputs.aws, name)
        if held is Holds.NOTHING:
            raise _nothing(name, inputs)
        keys = static_keys(inputs.aws, name) if held is Holds.KEYS else None
        value = profile_sections(inputs.aws, name)
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    if keys is not None:
        return Stamp(value, long_lived=keys.long_lived)
    if held is Holds.PROCESS:
        refuse_loop(name, inputs)
    return Stamp(value, long_lived=False, kept=True, may_be_keys=held is Holds.PROCESS)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; nothing is read or run before it is loaded."""
    return _Profile(_asked(source), source, inputs)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say what the profile holds, and of that whether it is there; nothing is run."""
    name = _asked(source)
    config_file, credentials_file = inputs.aws_files
    looked_for = f"AWS profile '{name}' in {config_file}, {credentials_file}"
    try:
        held = holds(inputs.aws, name)
        if held is Holds.NOTHING:
            raise _nothing(name, inputs)
        if held is Holds.KEYS:
            static_keys(inputs.aws, name)
    except SourceError as error:
        return [Finding(looked_for, problem_of(error), good=False)]
    found = Finding(looked_for, held.value, good=True)
    return [found, *_found_behind(held, name, inputs), *mfa_command_found(source, inputs)]


def _found_behind(held: Holds, name: str, inputs: SourceContext) -> Sequence[Finding]:
    if held is Holds.PROCESS:
        from rolehop.sources.shared.subprocesses import program_found

        try:
            command = _command(name, inputs)
        except SourceError as error:
            return [Finding("its credential_process", problem_of(error), good=False)]
        return [program_found(command, inputs, "its credential_process")]
    finder = _FINDERS.get(held)
    return [] if finder is None else [finder(name, inputs)]


def _token_file_found(name: str, inputs: SourceContext) -> Finding:
    """Say whether the file is there that botocore reads the web identity token from."""
    path = Path(profile_setting(inputs.aws, name, "web_identity_token_file") or "").expanduser()
    there = inputs.watched(path).exists()
    return Finding(f"its web_identity_token_file, {path}", "there" if there else "not there", there)


def _login_found(name: str, inputs: SourceContext) -> Finding:
    """Say whether the library is there that botocore reads a session of ``aws login`` with."""
    import importlib.util  # on this path only

    del name, inputs
    there = importlib.util.find_spec("awscrt") is not None
    found = "there" if there else 'not there: pip install "rolehop[aws-login]"'
    return Finding("the AWS Common Runtime, which reads aws login's session", found, there)


def _sign_in_found(name: str, inputs: SourceContext) -> Finding:
    """Say what the AWS CLI's cache has: botocore takes the sign-in from there, and renews it."""
    from rolehop.aws.sso_token_cache import cache_file, look

    missing = _missing_session(name, inputs)
    if missing is not None:
        return Finding("its sso_session", problem_of(missing), good=False)
    keys = ("sso_session", "sso_start_url")
    called = next(filter(None, (profile_setting(inputs.aws, name, key) for key in keys)), "")
    path = cache_file(inputs.home, called)
    looked = look(path, inputs.now())
    good: bool | None = looked.sign_in is not None and looked.sign_in.expires_at > inputs.now()
    if not good and looked.sign_in is not None and looked.sign_in.refresh is not None:
        good = None
    return Finding(f"the AWS CLI's sign-in, {path}", looked.said, good)


_FINDERS: Mapping[Holds, Callable[[str, SourceContext], Finding]] = {
    Holds.SSO: _sign_in_found,
    Holds.WEB_IDENTITY: _token_file_found,
    Holds.LOGIN: _login_found,
}


def _missing_session(name: str, inputs: SourceContext) -> SourceError | None:
    """Return the error for an ``sso_session`` that names no section."""
    session = profile_setting(inputs.aws, name, "sso_session")
    if session is None or session in inputs.aws.sso_sessions:
        return None
    near = nearest(session, inputs.aws.sso_sessions)
    return SourceError(
        f"AWS profile '{name}' names the sso-session '{session}', which does not exist",
        cause=f"{inputs.aws.config_file} has no [sso-session {session}]",
        fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
    )


def _nothing(name: str, inputs: SourceContext) -> SourceError:
    """Return the error for a profile that holds nothing: it never falls through to the machine."""
    return SourceError(
        f"there are no credentials for AWS profile '{name}'",
        cause=why_nothing(inputs.aws, name),
        fix=f"correct it, or aws configure --profile {name}; the machine's role, which the AWS CLI "
        "would take, needs credential_source = Ec2InstanceMetadata there, or a source of type "
        "instance",
    )


def _asked(source: SourceConfig) -> str:
    if BASE not in source.settings:
        raise ValueError(f"source '{source.name}' must be expanded before it is used")
    return str(source.settings["profile"])


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    source: SourceConfig
    inputs: SourceContext

    def load(self) -> Credentials:
        """Return the profile's own credentials, its role left aside.

        Raises:
            SourceError: it gives none, wants a sign-in, or leads back to itself.
            HopRefused: AWS refused them.
            ServiceError: the network or AWS failed.
        """
        held = holds(self.inputs.aws, self.name)
        if held is Holds.KEYS:
            return static_keys(self.inputs.aws, self.name)
        if held is Holds.PROCESS:
            return self._printed()
        if held is Holds.NOTHING:
            raise _nothing(self.name, self.inputs)
        missing = _missing_session(self.name, self.inputs) if held is Holds.SSO else None
        if missing is not None:
            raise missing
        return self._resolved(held)

    def _printed(self) -> Credentials:
        from rolehop.sources.process import credentials_of

        refuse_loop(self.name, self.inputs)
        own = environment_of_program(_without_credentials(self.inputs.environ))
        return credentials_of(
            _command(self.name, self.inputs),
            self.inputs,
            with_resolving(own, self.name),
            what=f"the credential_process of AWS profile '{self.name}'",
        )

    def _resolved(self, held: Holds) -> Credentials:
        from rolehop.aws import botocore_profiles

        config_file, credentials_file = self.inputs.aws_files
        return botocore_profiles.resolve(
            botocore_profiles.Request(
                profile=self.name,
                holds=held,
                config_file=config_file,
                credentials_file=credentials_file,
                region=self._region(),
                now=self.inputs.now(),
            )
        )

    def _region(self) -> str:
        """Return where a web identity is exchanged."""
        from rolehop.sources.shared.aws_clients import own_regions

        role = profile_setting(self.inputs.aws, self.name, "role_arn") or ""
        regions = own_regions(self.source, self.inputs, self.name)
        return regions.within(partition_of(role))


def _command(name: str, inputs: SourceContext) -> Sequence[str]:
    """Return the words of the profile's ``credential_process``, split as botocore splits them.

    Raises:
        SourceError: there are none, or a quote is not closed.
    """
    what = f"the credential_process of AWS profile '{name}'"
    text = profile_setting(inputs.aws, name, "credential_process") or ""
    try:
        words = split_command(text)
    except ValueError:
        raise SourceError(
            f"{what} cannot be read",
            cause="a quote in it is not closed",
            fix=f"correct it in {inputs.aws.config_file}",
        ) from None
    if not words:
        raise SourceError(
            f"{what} is empty",
            cause="it names no command",
            fix=f"write one in {inputs.aws.config_file}, or take the key out",
        )
    return words


def _without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _LEAKING}


TYPE = SourceType(TABLE, stamp, build, findings, expand=expand)
