"""Any profile of the AWS config: its roles become hops, and its base profile is the source.

`expand` always comes first: it turns a profile with ``role_arn`` into its base and hops, so that
every hop is planned, cached and explained like any other. `stamp` and `build` take its result.
A sign-in to Identity Center becomes a source of type ``identity-center``, whatever profiles lead to it.
Static keys are read here, and a process is run as a source of type ``process`` runs it. A web
identity and ``aws login`` are left to botocore. If a profile holds no credentials, botocore goes on to the
machine's role, which is another principal. Here the profile must say ``credential_source`` for
that, so that a misspelt key never leads to the machine's role.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    ProfileChain,
    check_files,
    credential_kind_of,
    endpoint_overrides,
    missing_credentials,
    profile_fingerprint,
    profile_setting,
    resolve_profile,
    static_keys,
    written_ends,
)
from rolehop.awsconfig.sso_profile import sign_in_settings, sso_profile
from rolehop.base.advice import Advice, Argument, install_extra
from rolehop.base.arn import partition_of
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.digest import digest_of
from rolehop.base.errors import ConfigError, SourceError
from rolehop.base.files import Untrusted, expand_home, is_there, read_deciding
from rolehop.base.time_limit import uninterrupted
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.model import Stamp
from rolehop.sources.cli_sign_in import OTHER_ENDPOINTS
from rolehop.sources.context import SourceChanged
from rolehop.sources.mfa import MFA_KEYS, diagnose_mfa_command
from rolehop.sources.process import refuse_loop, split_command, with_resolving
from rolehop.sources.program_state import SIGN_IN_SERVICES, program_state
from rolehop.sources.programs import program_environment
from rolehop.sources.source_type import ConsoleUser, Diagnosis, Expanded, SourceType, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source

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
used for its keys, which belong to another principal."""

SIGN_IN = "identity-center"
"""The type of source that a profile's sign-in to Identity Center becomes."""

_MACHINE_TYPES = {ChainBase.INSTANCE: "instance", ChainBase.CONTAINER: "container"}
"""The source types for two values of ``credential_source``."""

# The services that botocore, or the profile's process, calls to get the profile's session.
_SERVICES = {
    CredentialKind.WEB_IDENTITY: ("sts",),
    CredentialKind.LOGIN: ("signin",),
    CredentialKind.PROCESS: ("sts", *SIGN_IN_SERVICES),
}

_CONSOLE_USERS: Mapping[CredentialKind, ConsoleUser] = {
    CredentialKind.WEB_IDENTITY: "session",
    CredentialKind.LOGIN: "browser",
}

# Variables that a profile's process must not mistake for the profile's own credentials.
_CREDENTIAL_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_ACCESS_KEY",  # these two: the SDKs for Go, Java (version 1) and Ruby
        "AWS_SECRET_KEY",
        "AMAZON_ACCESS_KEY_ID",  # these three: the SDK for Ruby
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
    }
)


def expand(source: SourceConfig, aws: AwsConfig) -> Expanded:
    """Return the base of a ``profile`` source, the hops of its roles, and notes for a person.

    The hops come before the chain's own. The base is of type ``profile``, or of the type that a
    ``credential_source`` or a sign-in to Identity Center stands for. If it may give IAM user keys, its ``mfa_serial`` is the device
    that hop 1 asks for, unless the config names one. A base returned by this function is returned
    unchanged.

    Raises:
        SourceError: there is no such profile, or others can write one of the AWS files: they could
            choose its keys, its command and its roles.
        ConfigError: the profile cannot be resolved.
    """
    if BASE in source.settings:
        return source, (), ()
    profile = str(source.settings["profile"])
    path = resolve_profile(aws, profile)
    check_files(aws, profile)
    base = _base_of(path, aws)
    machine_type = _MACHINE_TYPES.get(base)
    if machine_type is not None:
        return replace(source, type=machine_type, settings={}), path.hops, path.notes
    settings = {key: value for key, value in source.settings.items() if key != "profile"}
    if path.mfa_serial is not None:
        settings.setdefault("mfa_serial", path.mfa_serial)
    if base is ChainBase.ENVIRONMENT:
        return replace(source, type="environment", settings=settings), path.hops, path.notes
    if credential_kind_of(aws, path.base_profile) is CredentialKind.SSO:
        with contextlib.suppress(SourceError):  # a plan and a walk of the profile report it
            settings |= sign_in_settings(aws, path.base_profile)
            return replace(source, type=SIGN_IN, settings=settings), path.hops, path.notes
    settings |= {"profile": path.base_profile, BASE: base.value}
    return replace(source, settings=settings), path.hops, path.notes


def _base_of(path: ProfileChain, aws: AwsConfig) -> ChainBase:
    """Return the path's base, or the ``credential_source`` of a profile that holds nothing else.

    botocore reads that key only beside a ``role_arn``, and asks the machine whatever it says.
    """
    if (
        path.base is not ChainBase.PROFILE
        or credential_kind_of(aws, path.base_profile) is not CredentialKind.NOTHING
    ):
        return path.base
    named = profile_setting(aws, path.base_profile, "credential_source")
    return next((base for base in ChainBase if base.value == named), ChainBase.PROFILE)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the digest of the sections that make up the profile, and of its sign-in or token.

    Of a process that is what can be seen of whom it signs in as: it may change without notice,
    unless ``principal`` pins it.

    Raises:
        SourceError: the profile's process leads back to the profile.
    """
    name = _base_profile(source)
    try:
        kind = credential_kind_of(context.aws, name)
        if kind is CredentialKind.NOTHING:
            raise _nothing(name, context)
        if kind is CredentialKind.SSO:
            sso_profile(context.aws, name)
        words = _command(name, context) if kind is CredentialKind.PROCESS else ()
        keys = static_keys(context.aws, name) if kind is CredentialKind.KEYS else None
        value = profile_fingerprint(context.aws, name)
        state = _state(kind, source, context)
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    if keys is not None:
        return Stamp(value, long_lived=keys.long_lived)
    if kind is CredentialKind.PROCESS:
        refuse_loop(name, context)
        state = program_state(words, context, _CREDENTIAL_VARIABLES)
    return Stamp(
        value if state is None else digest_of(value, state),
        long_lived=False,
        endpoints=endpoint_overrides(context.aws, name, context.environ, _SERVICES.get(kind, ())),
        stored=True,
        may_be_keys=kind is CredentialKind.PROCESS,
    )


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source, which remembers the sign-in that the walk is planned with."""
    name = _base_profile(source)
    kind = credential_kind_of(context.aws, name)
    return _Profile(name, source, context, _state(kind, source, context))


def _state(kind: CredentialKind, source: SourceConfig, context: SourceContext) -> str | None:
    """Return what tells the profile's sign-in or token from others; ``None`` without one."""
    if kind is not CredentialKind.WEB_IDENTITY:
        return None

    return token_state(_base_profile(source), context)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return what the profile holds and whether that exists; nothing is run."""
    name = _base_profile(source)
    config_file, credentials_file = context.aws_files
    looked_for = f"AWS profile '{name}' in {config_file}, {credentials_file}"
    try:
        kind = credential_kind_of(context.aws, name)
        if kind is CredentialKind.NOTHING:
            raise _nothing(name, context)
        if kind is CredentialKind.SSO:
            sso_profile(context.aws, name)
        if kind is CredentialKind.KEYS:
            static_keys(context.aws, name)
    except SourceError as error:
        return [Diagnosis(looked_for, one_line(error), good=False)]
    found = Diagnosis(looked_for, kind.value, good=True)
    return [found, *_diagnose_kind(kind, name, context), *diagnose_mfa_command(source, context)]


def _diagnose_kind(kind: CredentialKind, name: str, context: SourceContext) -> Sequence[Diagnosis]:
    if kind is CredentialKind.PROCESS:
        from rolehop.sources.programs import diagnose_program

        try:
            command = _command(name, context)
        except SourceError as error:
            return [Diagnosis("its credential_process", one_line(error), good=False)]
        return [diagnose_program(command, context, "its credential_process")]

    return diagnose_sign_in(kind, name, context)


def _nothing(name: str, context: SourceContext) -> SourceError:
    """Return the error for a profile without credentials; the machine's role is never used instead."""
    return SourceError(
        f"there are no credentials for AWS profile '{name}'",
        cause=missing_credentials(context.aws, name),
        fix=Advice(
            "correct it, or aws configure --profile ",
            Argument(name),
            "; for the machine's role, which the AWS CLI would take, use a source of type instance",
        ),
    )


def _base_profile(source: SourceConfig) -> str:
    if BASE not in source.settings:
        raise ValueError(f"source '{source.name}' must be expanded before it is used")
    return str(source.settings["profile"])


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    source: SourceConfig
    context: SourceContext
    state: str | None

    def load(self) -> Credentials:
        """Return the profile's own credentials, without assuming its role.

        Raises:
            SourceChanged: it is not the sign-in of the plan, so the caller must plan again.
            SourceError: it gives none, needs a sign-in, or leads back to itself.
            HopRefused: AWS refused them.
            ServiceError: the network or AWS failed.
        """
        kind = credential_kind_of(self.context.aws, self.name)
        if kind is CredentialKind.KEYS:
            return self._from_file()
        if kind is CredentialKind.PROCESS:
            return self._from_process()
        if kind is CredentialKind.NOTHING:
            raise _nothing(self.name, self.context)
        if kind is CredentialKind.SSO:
            sso_profile(self.context.aws, self.name)
        return self._from_botocore(kind)

    def _from_file(self) -> Credentials:
        """Return the keys in the files; a session's with its end, if the tool that left it said it."""
        keys = static_keys(self.context.aws, self.name)
        if keys.long_lived:
            return keys
        now, ends = self.context.now(), written_ends(self.context.aws, self.name)
        # One of before, or of another session, tells nothing: then the end is not known.
        usable = [each for each in ends if now < each <= now + _LONGEST_SESSION]
        return replace(keys, expires_at=max(usable, default=None))

    def _from_process(self) -> Credentials:
        from rolehop.sources.process import credentials_of

        refuse_loop(self.name, self.context)
        environ = program_environment(_without_credentials(self.context.environ))
        return credentials_of(
            _command(self.name, self.context),
            self.context,
            with_resolving(environ, self.name),
            what=f"the credential_process of AWS profile '{self.name}'",
        )

    def _from_botocore(self, kind: CredentialKind) -> Credentials:
        from rolehop.aws import botocore_profiles

        if kind is CredentialKind.LOGIN:
            check_login_endpoint(self.name, self.context)
        config_file, credentials_file = self.context.aws_files
        aws = self.context.aws
        overrides = endpoint_overrides(
            self.context.aws, self.name, self.context.environ, _SERVICES.get(kind, ())
        )
        request = botocore_profiles.ProfileRequest(
            profile=self.name,
            kind=kind,
            config_file=config_file,
            credentials_file=credentials_file,
            section=aws.profiles.get(self.name, {}),
            services=aws.services.get(profile_setting(aws, self.name, "services") or "", {}),
            region=self._region(),
            now=self.context.now(),
            endpoint_urls=tuple(url for _, url in overrides),
            notify=self.context.note,
        )
        with uninterrupted():  # botocore may renew a sign-in, whose refresh token is good once
            found = botocore_profiles.resolve_credentials(request)
        # The token may be another one by now.
        if _state(kind, self.source, self.context) != self.state:
            raise SourceChanged
        return found

    def _region(self) -> str:
        """Return where a web identity is exchanged."""
        from rolehop.sources.aws_clients import own_regions

        role = profile_setting(self.context.aws, self.name, "role_arn") or ""
        regions = own_regions(self.source, self.context, self.name)
        return regions.within(partition_of(role))


def _command(name: str, context: SourceContext) -> Sequence[str]:
    """Return the profile's ``credential_process`` as arguments, split as botocore splits it.

    Raises:
        SourceError: it is empty, or a quote is not closed.
    """
    what = f"the credential_process of AWS profile '{name}'"
    text = profile_setting(context.aws, name, "credential_process") or ""
    try:
        words = split_command(text)
    except ValueError:
        raise SourceError(
            f"{what} cannot be read",
            cause="a quote in it is not closed",
            fix=f"correct it in {context.aws.config_file}",
        ) from None
    if not words:
        raise SourceError(
            f"{what} is empty",
            fix=f"write one in {context.aws.config_file}, or remove the key",
        )
    return words


def _without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _CREDENTIAL_VARIABLES}


def loads_locally(source: SourceConfig, context: SourceContext) -> bool:
    """True if the profile has keys."""
    profile = str(source.settings.get("profile"))
    return credential_kind_of(context.aws, profile) is CredentialKind.KEYS


def console_user(source: SourceConfig, context: SourceContext) -> ConsoleUser | None:
    """Return how the console is signed in to as the user of the profile.

    A profile of ``aws login`` has the session of a browser that is signed in to the console.
    """
    return _CONSOLE_USERS.get(credential_kind_of(context.aws, _base_profile(source)))


TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    expand=expand,
    loads_locally=loads_locally,
    console_user=console_user,
    names_profile=True,
)

_LONGEST_SESSION = timedelta(hours=36)  # by GetSessionToken (STS API reference)
_LONGEST_TOKEN_FILE = 100_000  # bytes


def token_state(name: str, context: SourceContext) -> str:
    """Return what tells the web identity token of profile ``name`` from others."""
    return digest_of(_token_principal(name, context))


def check_login_endpoint(name: str, context: SourceContext) -> None:
    """Refuse to send a session of ``aws login``, which notes no endpoint, to an overridden one.

    Raises:
        SourceError: there is one.
    """
    if endpoint_overrides(context.aws, name, context.environ, ("signin",)):
        raise SourceError(
            f"the session of aws login is not used for AWS profile '{name}'",
            cause=OTHER_ENDPOINTS,
            fix="unset AWS_ENDPOINT_URL_SIGNIN, AWS_ENDPOINT_URL and endpoint_url",
        )


def diagnose_sign_in(
    kind: CredentialKind, name: str, context: SourceContext
) -> Sequence[Diagnosis]:
    """Return what is known of the sign-in or token; nothing is called."""
    if kind is CredentialKind.WEB_IDENTITY:
        path = _token_file(name, context)
        exists = is_there(path)
        found = "there" if exists else "not there"
        return [Diagnosis(f"its web_identity_token_file, {path}", found, exists)]
    return [_diagnose_aws_login()] if kind is CredentialKind.LOGIN else []


def _diagnose_aws_login() -> Diagnosis:
    """Return whether the library is installed with which botocore reads ``aws login`` sessions."""
    import importlib.util  # on this path only

    installed = importlib.util.find_spec("awscrt") is not None
    found = "there" if installed else Advice("not there: ", install_extra("aws-login"))
    return Diagnosis("the AWS Common Runtime, which reads aws login's session", found, installed)


def _token_principal(name: str, context: SourceContext) -> str | None:
    """Return whose token the profile's file holds; ``None`` if there is none that can be read.

    Raises:
        SourceError: others could have put it there. If they could not, neither can they before
            botocore reads it.
    """
    from rolehop.aws.jwt import token_principal

    path = _token_file(name, context)
    try:
        raw = read_deciding(path, _LONGEST_TOKEN_FILE)
    except Untrusted as error:
        raise SourceError(
            f"the web_identity_token_file of AWS profile '{name}' is not followed",
            cause=f"{path}: {error.strerror}",
            fix=error.fix,
        ) from None
    except OSError:
        return None
    return token_principal(Secret(raw.decode("utf-8", "replace").strip()))


def _token_file(name: str, context: SourceContext) -> Path:
    named = profile_setting(context.aws, name, "web_identity_token_file") or ""
    if "\0" in named:
        raise ConfigError(
            f"the web_identity_token_file of AWS profile '{name}' is no path",
            cause="there is a null character in it",
            fix=f"correct it in {context.aws.config_file}",
        )
    return context.watched(expand_home(named, context.home))
