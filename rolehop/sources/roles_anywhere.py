"""A role by certificate: IAM Roles Anywhere's CreateSession, signed by an X.509 key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument, install_extra
from rolehop.base.arn import RoleArn, partition_of
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import NoTerminal, SourceError
from rolehop.base.files import is_there
from rolehop.base.startup import Pattern
from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.model import Stamp
from rolehop.sources.context import FederatedIdentity, SourceChanged, with_certificate
from rolehop.sources.programs import diagnose_program, first_line, source_command_output
from rolehop.sources.source_type import Diagnosis, Login, LoginSupport, SourceType, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws import pkcs11
    from rolehop.aws.x509 import AskPassphrase, Certificate, CertificateIdentity
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source


def leaf_of(source: SourceConfig, context: SourceContext) -> Certificate | None:
    """Return the certificate, or ``None`` if it is inside a PKCS#12 file.

    Raises:
        SourceError: it does not exist, or is not a certificate.
    """
    file = path_in(source.settings.get("certificate"))
    try:
        from rolehop.aws import x509

        if file is not None:
            return x509.certificates(context.watched(file))[0]
        if "pkcs12" in source.settings:
            context.watched(Path(str(source.settings["pkcs12"])))
            return None
        from rolehop.aws import pkcs11
    except ModuleNotFoundError as missing:
        raise needs_extra(missing, source) from None
    context.beyond_record()  # another token may be plugged in
    return pkcs11.certificate_on_token(_uri(source))


def is_on_token(source: SourceConfig) -> bool:
    """True if `leaf_of` reads the certificate from a PKCS#11 token."""
    return source.settings.keys().isdisjoint(("certificate", "pkcs12"))


def fingerprint_of(source: SourceConfig, leaf: Certificate | None) -> str:
    """Return a digest that changes whenever the certificate does.

    Raises:
        SourceError: the PKCS#12 file does not exist, or is certainly not one.
    """
    from rolehop.aws import x509

    if leaf is not None:
        return sha256_hex(x509.der(leaf))
    return sha256_hex(x509.pkcs12_file(Path(str(source.settings["pkcs12"]))))


def problem_with(
    source: SourceConfig, context: SourceContext, leaf: Certificate | None
) -> str | None:
    """Return why the source cannot work now, as far as that shows without a passphrase."""
    from rolehop.aws import x509

    key, chain = (
        path_in(source.settings.get(name)) for name in ("private_key", "certificate_chain")
    )
    try:
        if leaf is not None:
            x509.check_validity(leaf, context.now())
            if key is not None:
                x509.check_key(leaf, key)
        if chain is not None:
            x509.certificates(chain)
        if "pkcs11" in source.settings:
            _uri(source)
    except ModuleNotFoundError as missing:
        return one_line(needs_extra(missing, source))
    except SourceError as error:
        return one_line(error)
    return None


def needs_passphrase(source: SourceConfig) -> bool:
    """True if the key certainly needs a passphrase or a PIN; nobody is asked."""
    settings = source.settings
    if "pkcs11" in settings:
        return True
    try:
        from rolehop.aws import x509

        if "pkcs12" in settings:
            return x509.wants_passphrase(Path(str(settings["pkcs12"])), pkcs12_file=True)
        return x509.wants_passphrase(Path(str(settings["private_key"])))
    except (ModuleNotFoundError, SourceError):
        return False  # reported where the key itself is looked for


def identity_of(source: SourceConfig, ask: AskPassphrase) -> CertificateIdentity:
    """Read the certificate and key from the one place that the config names.

    Raises:
        SourceError: they do not exist, or do not belong together.
        WrongPassphrase: the result of ``ask`` does not open the key.
    """
    settings = source.settings
    chain = path_in(settings.get("certificate_chain"))
    try:
        if "pkcs11" in settings:
            return _on_token(source, chain, ask)
        from rolehop.aws import x509
    except ModuleNotFoundError as missing:
        raise needs_extra(missing, source) from None
    pkcs12 = path_in(settings.get("pkcs12"))
    if pkcs12 is not None:
        return x509.from_pkcs12(pkcs12, chain, ask)
    certificate, key = (Path(str(settings[name])) for name in ("certificate", "private_key"))
    return x509.from_files(certificate, key, chain, ask)


def _on_token(source: SourceConfig, chain: Path | None, ask: AskPassphrase) -> CertificateIdentity:
    from rolehop.aws import pkcs11, x509

    uri = _uri(source)
    more = x509.certificates(chain) if chain else []
    file = path_in(source.settings.get("certificate"))
    if file is None:
        return pkcs11.from_token(uri, pkcs11.certificate_on_token(uri), more, ask)
    leaf, *others = x509.certificates(file)
    return pkcs11.from_token(uri, leaf, [*others, *more], ask)


def _uri(source: SourceConfig) -> pkcs11.Uri:
    from rolehop.aws import pkcs11

    try:
        return pkcs11.parse_uri(str(source.settings["pkcs11"]))
    except ValueError as error:
        raise SourceError(
            f"the PKCS#11 URI of source '{source.name}' cannot be read",
            cause=str(error),
            fix="it looks like pkcs11:token=NAME;object=NAME?module-path=/path/module.so",
        ) from None


def needs_extra(missing: ModuleNotFoundError, source: SourceConfig) -> SourceError:
    """Return the error for a library that comes with one of rolehop's extras."""
    extra = "pkcs11" if "pkcs11" in source.settings else "roles-anywhere"
    return SourceError(
        f"source '{source.name}' needs rolehop's extra '{extra}'",
        cause=f"the Python package {missing.name} is not installed",
        fix=install_extra(extra),
    )


def path_in(value: object) -> Path | None:
    """Return the path in a setting, or ``None`` if it is not set."""
    return Path(value) if isinstance(value, str) else None


_ARN = r"arn:aws(?:-[a-z]+)*:rolesanywhere:[a-z0-9-]+:[0-9]{12}:%s/[0-9a-f-]{36}"
_KEY_ORIGINS = ("certificate", "pkcs12", "pkcs11")


def _check_key_origin(values: Mapping[str, object]) -> None:
    key_on_token = "pkcs11" in values
    origins = [
        key for key in _KEY_ORIGINS if key in values and not (key == "certificate" and key_on_token)
    ]
    if len(origins) != 1:
        raise ValueError('needs one of "certificate" with "private_key", "pkcs12" and "pkcs11"')
    if (origins[0] == "certificate") is not ("private_key" in values):
        raise ValueError('"private_key" goes with "certificate", and each needs the other')
    anchor, profile = str(values["trust_anchor"]), str(values["profile"])
    if _region_of(anchor) != _region_of(profile):
        raise ValueError("trust_anchor and profile must be in one region")
    # A role in the short form is in the trust anchor's.
    if partition_of(str(values["role"])) not in (None, partition_of(anchor)):
        raise ValueError("trust_anchor and role must be in one partition")


def _check_uri(value: object) -> str:
    text = value_types.as_text(value)
    if not text.lower().startswith("pkcs11:"):
        raise ValueError("not a PKCS#11 URI (pkcs11:token=…;object=…)")
    if "pin-value=" in text or "pin-source=" in text:
        raise ValueError("a PIN does not belong in a config; use passphrase_command")
    return text


TABLE = Table(
    "sources.NAME (roles-anywhere)",
    "a role obtained with an X.509 certificate, through IAM Roles Anywhere",
    (
        Key(
            "trust_anchor",
            value_types.text(
                "the ARN of a trust anchor", Pattern(_ARN % "trust-anchor"), kind="ARN"
            ),
            "the trust anchor of the certificate; its region is where AWS is called",
            required=True,
        ),
        Key(
            "profile",
            value_types.text("the ARN of a profile", Pattern(_ARN % "profile"), kind="ARN"),
            "the Roles Anywhere profile that lists the role",
            required=True,
        ),
        Key("role", sts_limits.ROLE, "the role", required=True),
        Key("certificate", value_types.PATH, "a PEM file with the certificate"),
        Key("private_key", value_types.PATH, "a PEM file with its private key, encrypted or not"),
        Key("pkcs12", value_types.PATH, "a PKCS#12 file with both, instead"),
        Key(
            "pkcs11",
            value_types.Check("PKCS#11 URI", "without a PIN", _check_uri, prose=True),
            "the key on a token, instead; its certificate is there, too, or in certificate",
        ),
        Key("certificate_chain", value_types.PATH, "a PEM file with the intermediates"),
        Key(
            "passphrase_command",
            value_types.COMMAND,
            "a command that prints the passphrase or PIN",
            "the one stored by rolehop source login, else it is asked on the terminal",
        ),
        Key(
            "duration",
            sts_limits.HOP_DURATION,
            "how long the role's session should last",
            "as the profile says",
        ),
        Key(
            "session_name",
            sts_limits.SESSION_NAME,
            "the role session name, if the profile accepts one",
            "the certificate's serial number",
        ),
    ),
    rule=_check_key_origin,
)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the certificate's fingerprint, or the digest of a PKCS#12 file, which is encrypted.

    An overridden endpoint is part of it: an emulator's session must never pass for a real one.
    """
    from rolehop.sources.aws_clients import endpoint_of

    try:
        leaf = leaf_of(source, context)
        value = (
            f"{fingerprint_of(source, leaf)} {endpoint_of(context, 'rolesanywhere') or ''}".strip()
        )
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    return Stamp(value, long_lived=False, problem=problem_with(source, context, leaf), stored=True)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source, which remembers the state that the walk is planned with."""
    return _RolesAnywhere(source, context, _state(source, context))


def _state(source: SourceConfig, context: SourceContext) -> str | None:
    """Return the fingerprint of a file: nobody changes a PKCS#11 token during a walk."""
    if is_on_token(source):
        return None
    try:
        return fingerprint_of(source, leaf_of(source, context))
    except SourceError:
        return None


def login(source: SourceConfig, context: SourceContext, how: Login) -> str:
    """Ask for the passphrase or PIN, check it with the key, and store it in the vault.

    ``how.text`` is the passphrase if it came from ``--stdin``.

    Raises:
        SourceError: it does not open the key, or the source needs none.
        NoTerminal: nobody can be asked.
    """
    asked: list[Secret] = []

    def ask(named: str) -> Secret:
        from rolehop.aws.x509 import without_line_end

        typed = _from_person(source, context, named) if how.text is None else how.text
        asked.append(without_line_end(typed))
        return asked[-1]

    identity = identity_of(source, ask)
    identity.sign(b"rolehop")
    if not asked:
        raise SourceError(
            f"source '{source.name}' needs no passphrase",
            cause="its private key is not encrypted",
            fix=Advice("rolehop source test ", Argument(source.name)),
        )
    context.tokens.put(_token_name(source), {"passphrase": asked[-1]})
    return f"the {_secret_name(source)} of source '{source.name}' is in the keyring"


def logout(source: SourceConfig, context: SourceContext) -> bool:
    """Forget the passphrase; ``False`` if none was stored."""
    return context.tokens.remove(_token_name(source))


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return which files or token are looked for, whether they exist, and when they expire."""
    found = [
        Diagnosis(
            f"{name}: {path}", "there" if is_there(path) else "not there", good=is_there(path)
        )
        for name in ("certificate", "private_key", "pkcs12", "certificate_chain")
        if (path := path_in(source.settings.get(name))) is not None
    ]
    if "pkcs11" in source.settings:
        found.append(Diagnosis("a key on a token", str(source.settings["pkcs11"])))
    if all(each.good is not False for each in found):
        found.append(_diagnose_certificate(source, context))
    return [*found, *_diagnose_passphrase(source, context)]


def _diagnose_passphrase(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return whether the program of ``passphrase_command`` exists; an open key needs none."""
    command = source.settings.get("passphrase_command")
    if not isinstance(command, tuple):
        return []
    found = diagnose_program(command, context, "the program of passphrase_command")
    return [found if found.good or needs_passphrase(source) else replace(found, good=None)]


def _diagnose_certificate(source: SourceConfig, context: SourceContext) -> Diagnosis:
    looked_for = "the certificate and its key"
    try:
        leaf = leaf_of(source, context)
        fingerprint_of(source, leaf)
        problem = problem_with(source, context, leaf)
    except SourceError as error:
        return Diagnosis(looked_for, one_line(error), good=False)
    if problem is not None:
        return Diagnosis(looked_for, problem, good=False)
    if leaf is None:
        return Diagnosis(looked_for, "in the PKCS#12 file, which is opened when it is needed")
    from rolehop.aws import x509

    ends = f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    warning = x509.check_validity(leaf, context.now())
    return Diagnosis(looked_for, f"{x509.name_of(leaf)}, until {ends}", good=True, warning=warning)


def federated_identity(source: SourceConfig, context: SourceContext) -> FederatedIdentity:
    """Return the role, and what a certificate in a file says."""
    settings = source.settings
    named = FederatedIdentity(_role(source), session_name=_text(settings.get("session_name")))
    file = path_in(settings.get("certificate"))
    return named if file is None else with_certificate(named, context.watched(file))


@dataclass(frozen=True, slots=True)
class _RolesAnywhere:
    source: SourceConfig
    context: SourceContext
    state: str | None

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceChanged: it is not the certificate of the plan, so the caller must plan again.
            SourceError: a file or passphrase is missing or wrong, or the certificate has expired.
            HopRefused: AWS does not accept it.
            ServiceError: the network or AWS failed.
            NoTerminal: a passphrase is needed and nobody can be asked.
        """
        try:
            from rolehop.aws.x509 import WrongPassphrase
        except ModuleNotFoundError as missing:
            raise needs_extra(missing, self.source) from None
        try:
            identity = identity_of(self.source, self._passphrase)
            if _state(self.source, self.context) != self.state:
                raise SourceChanged
            self._check_validity(identity)
            return self._session(identity)
        except WrongPassphrase as wrong:
            self._explain_wrong_passphrase(wrong)
            raise

    def _session(self, identity: CertificateIdentity) -> Credentials:
        from rolehop.aws import roles_anywhere
        from rolehop.sources.aws_clients import endpoint_of, settings_for

        settings = self.source.settings
        anchor = str(settings["trust_anchor"])
        request = roles_anywhere.SessionRequest(
            trust_anchor=anchor,
            profile=str(settings["profile"]),
            role=_role(self.source),
            duration_seconds=_number(settings.get("duration")),
            session_name=_text(settings.get("session_name")),
        )
        return roles_anywhere.create_session(
            request,
            identity,
            settings_for(self.context, _region_of(anchor)),
            endpoint_url=endpoint_of(self.context, "rolesanywhere"),
            now=self.context.now,
            notify=self.context.note,
            on_call=self.context.on_call,
        )

    def _check_validity(self, identity: CertificateIdentity) -> None:
        from rolehop.aws.x509 import check_validity

        warning = check_validity(identity.certificate, self.context.now())
        if warning is not None:
            self.context.note(f"source '{self.source.name}': {warning}")

    def _passphrase(self, named: str) -> Secret:
        command = self.source.settings.get("passphrase_command")
        if isinstance(command, tuple):
            return self._from_command(command)
        stored = (self.context.tokens.get(_token_name(self.source)) or {}).get("passphrase")
        if isinstance(stored, Secret):
            return stored
        return _from_person(self.source, self.context, named)

    def _from_command(self, command: tuple[str, ...]) -> Secret:
        what = f"the passphrase_command of source '{self.source.name}'"
        printed = first_line(source_command_output(command, self.context, what=what, secret=True))
        if not printed:
            raise SourceError(
                f"{what} printed nothing",
                cause="it succeeded, but the first line of its stdout is empty",
                fix=f"run it by hand: it must print the {_secret_name(self.source)}",
            )
        return Secret(printed)

    def _explain_wrong_passphrase(self, wrong: SourceError) -> None:
        """Set the fix of ``wrong``; forget a stored PIN, because a token allows few attempts."""
        name, what = self.source.name, _secret_name(self.source)
        if "passphrase_command" in self.source.settings:
            wrong.fix = f"correct passphrase_command: its first line is used as the {what}"
        elif self.context.tokens.remove(_token_name(self.source)):
            wrong.fix = Advice(
                "the stored one has been forgotten; store another: rolehop source login ",
                Argument(name),
            )
        else:
            wrong.fix = Advice(
                f"check it; store the right {what}: rolehop source login ", Argument(name)
            )


def _from_person(source: SourceConfig, context: SourceContext, named: str) -> Secret:
    what = _secret_name(source)
    question = f"{what} of {named} (source '{source.name}'):"
    try:
        with context.locks.waiting_for_person():
            return Secret(context.person.ask(question, needed=f"a {what}", hidden=True))
    except NoTerminal as nobody:
        nobody.cause = f"{named} of source '{source.name}' needs one, and none is stored"
        nobody.fix = Advice(
            "set passphrase_command, or in a terminal or with --stdin: rolehop source login ",
            Argument(source.name),
        )
        raise


def _secret_name(source: SourceConfig) -> str:
    return "PIN" if "pkcs11" in source.settings else "passphrase"


def _token_name(source: SourceConfig) -> str:
    return f"roles-anywhere/{source.name}"


def _role(source: SourceConfig) -> str:
    """Return the role's ARN; a short form is in the trust anchor's partition."""
    partition = partition_of(str(source.settings["trust_anchor"])) or "aws"
    return str(RoleArn.parse_in(str(source.settings["role"]), partition))


def _region_of(arn: str) -> str:
    return arn.split(":")[3]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _takes_text(source: SourceConfig) -> bool:
    return "passphrase_command" not in source.settings


def _logout_message(source: SourceConfig, removed: bool) -> str:
    what = f"the {_secret_name(source)} of '{source.name}'"
    if not removed:
        return f"{what} was not stored"
    return f"forgot {what}; sessions stay until they expire (rolehop logout CHAIN)"


_SIGN_IN = LoginSupport(login, logout, _takes_text, logout_message=_logout_message)

TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    _SIGN_IN,
    stamp_asks_device=is_on_token,
    federated_identity=federated_identity,
    federated_action="sts:AssumeRole",
)
