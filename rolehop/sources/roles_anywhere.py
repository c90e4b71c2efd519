"""A role by certificate: IAM Roles Anywhere's CreateSession, signed by an X.509 key."""

from __future__ import annotations

import binascii
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, partition_of
from rolehop.config import checks, limits
from rolehop.config.schema import Key, Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import SourceError
from rolehop.patterns import Pattern
from rolehop.plan import Stamp
from rolehop.sources.programs import environment_of_program, first_line, output_of
from rolehop.sources.source_type import Finding, Login, SignIn, SourceType
from rolehop.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws import pkcs11
    from rolehop.aws.x509 import AskPassphrase, Identity
    from rolehop.config.model import SourceConfig
    from rolehop.ports import Source
    from rolehop.sources.inputs import Inputs

_EXTRA = 'pip install "rolehop[{}]"'
_ARN = r"arn:aws(?:-[a-z]+)*:rolesanywhere:[a-z0-9-]+:[0-9]{12}:%s/[0-9a-f-]{36}"
_CERTIFICATE = Pattern(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_WAYS = ("certificate", "pkcs12", "pkcs11")


def _check_ways(values: Mapping[str, object]) -> None:
    key_on_token = "pkcs11" in values
    ways = [way for way in _WAYS if way in values and not (way == "certificate" and key_on_token)]
    if len(ways) != 1:
        raise ValueError('needs one of "certificate" with "private_key", "pkcs12" and "pkcs11"')
    if (ways[0] == "certificate") is not ("private_key" in values):
        raise ValueError('"private_key" goes with "certificate", and each needs the other')
    anchor, profile = str(values["trust_anchor"]), str(values["profile"])
    if _region_of(anchor) != _region_of(profile):
        raise ValueError("trust_anchor and profile must lie in one region")
    if partition_of(anchor) != partition_of(str(values["role"])):
        raise ValueError("trust_anchor and role must lie in one partition")


def _check_uri(value: object) -> str:
    text = checks.as_text(value)
    if not text.lower().startswith("pkcs11:"):
        raise ValueError("not a PKCS#11 URI (pkcs11:token=…;object=…)")
    if "pin-value=" in text or "pin-source=" in text:
        raise ValueError("a PIN does not belong in a config; passphrase_command gives it")
    return text


TABLE = Table(
    "sources.NAME (roles-anywhere)",
    "a role by an X.509 certificate, through IAM Roles Anywhere",
    (
        Key(
            "trust_anchor",
            checks.text("the ARN of a trust anchor", Pattern(_ARN % "trust-anchor"), kind="ARN"),
            "the trust anchor that the certificate leads to; its region is where AWS is called",
            required=True,
        ),
        Key(
            "profile",
            checks.text("the ARN of a profile", Pattern(_ARN % "profile"), kind="ARN"),
            "the Roles Anywhere profile that lists the role",
            required=True,
        ),
        Key("role", limits.ROLE, "the role", required=True),
        Key("certificate", checks.PATH, "a PEM file with the certificate"),
        Key("private_key", checks.PATH, "a PEM file with its private key, encrypted or not"),
        Key("pkcs12", checks.PATH, "a PKCS#12 file with both, instead"),
        Key(
            "pkcs11",
            checks.Check("PKCS#11 URI", "without a PIN", _check_uri, prose=True),
            "the key on a token, instead; its certificate is there, too, or in certificate",
        ),
        Key("certificate_chain", checks.PATH, "a PEM file with the intermediates"),
        Key(
            "passphrase_command",
            checks.COMMAND,
            "a command that prints the passphrase or PIN",
            "the one that rolehop source login keeps, else it is asked on the terminal",
        ),
        Key(
            "duration",
            checks.HOP_DURATION,
            "how long the role's session should last",
            "as the profile says",
        ),
        Key(
            "session_name",
            limits.SESSION_NAME,
            "the role session name, where the profile accepts one",
            "the certificate's serial number",
        ),
    ),
    rule=_check_ways,
)


def stamp(source: SourceConfig, inputs: Inputs) -> Stamp:
    """Return the certificate's fingerprint; of a PKCS#12 file, which is sealed, its own digest."""
    try:
        value = _fingerprint(source, inputs)
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=_told(error))
    return Stamp(value, long_lived=False, kept=True)


def build(source: SourceConfig, inputs: Inputs) -> Source:
    """Make the source; nothing is read before it is loaded."""
    return _RolesAnywhere(source, inputs)


def login(source: SourceConfig, inputs: Inputs, how: Login) -> str:
    """Ask for the passphrase or PIN, prove it on the key, and keep it in the vault.

    ``how.text`` is the passphrase where ``--stdin`` gave it.

    Raises:
        SourceError: it does not open the key, or the source needs none.
        NoTerminal: nobody can be asked.
    """
    asked: list[Secret] = []

    def ask(named: str) -> Secret:
        from rolehop.aws.x509 import without_line_end

        typed = _from_person(source, inputs, named) if how.text is None else how.text
        asked.append(without_line_end(typed))
        return asked[-1]

    identity = _identity(source, ask)
    identity.sign(b"rolehop")
    if not asked:
        raise SourceError(
            f"source '{source.name}' needs no passphrase",
            cause="its private key is not encrypted",
            fix=f"rolehop source test {source.name}",
        )
    inputs.tokens.put(_kept_as(source), {"passphrase": asked[-1]})
    return f"the {_called(source)} of source '{source.name}' is in the keyring"


def logout(source: SourceConfig, inputs: Inputs) -> bool:
    """Forget the passphrase; ``False``: none was kept."""
    return inputs.tokens.remove(_kept_as(source))


def findings(source: SourceConfig, inputs: Inputs) -> Sequence[Finding]:
    """Say which files or token are looked for, and whether they are there."""
    del inputs
    found = [
        Finding(f"{name}: {path}", "there" if path.exists() else "not there", good=path.exists())
        for name in ("certificate", "private_key", "pkcs12", "certificate_chain")
        if (path := _path(source.settings.get(name))) is not None
    ]
    if "pkcs11" in source.settings:
        found.append(Finding("a key on a token", str(source.settings["pkcs11"])))
    return found


@dataclass(frozen=True, slots=True)
class _RolesAnywhere:
    source: SourceConfig
    inputs: Inputs

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceError: a file or passphrase is missing or wrong, the certificate is past its
                end, or AWS refused.
            ServiceError: the network or AWS failed.
            NoTerminal: a passphrase is needed and nobody can be asked.
        """
        from rolehop.sources.calls import endpoint_of, settings_for

        settings = self.source.settings
        identity = _identity(self.source, self._passphrase)
        self._check_validity(identity)
        anchor = str(settings["trust_anchor"])
        from rolehop.aws import rolesanywhere

        request = rolesanywhere.SessionRequest(
            trust_anchor=anchor,
            profile=str(settings["profile"]),
            role=_role(self.source),
            duration_seconds=_number(settings.get("duration")),
            session_name=_text(settings.get("session_name")),
        )
        return rolesanywhere.create_session(
            request,
            identity,
            settings_for(self.inputs, _region_of(anchor)),
            endpoint_url=endpoint_of(self.inputs, "rolesanywhere"),
            now=self.inputs.now,
        )

    def _check_validity(self, identity: Identity) -> None:
        from rolehop.aws.x509 import check_validity

        warning = check_validity(identity.certificate, self.inputs.now())
        if warning is not None:
            self.inputs.note(f"source '{self.source.name}': {warning}")

    def _passphrase(self, named: str) -> Secret:
        command = self.source.settings.get("passphrase_command")
        if isinstance(command, tuple):
            return self._from_command(command)
        kept = (self.inputs.tokens.get(_kept_as(self.source)) or {}).get("passphrase")
        if isinstance(kept, Secret):
            return kept
        return _from_person(self.source, self.inputs, named)

    def _from_command(self, command: tuple[str, ...]) -> Secret:
        what = f"the passphrase_command of source '{self.source.name}'"
        environ = environment_of_program(self.inputs.environ)
        with self.inputs.locks.waiting_for_person():
            said = first_line(output_of(command, environ, what=what, say=self.inputs.note))
        if not said:
            raise SourceError(f"{what} printed nothing", fix="let it print the passphrase")
        return Secret(said)


def _identity(source: SourceConfig, ask: AskPassphrase) -> Identity:
    """Read certificate and key by the one way that the config names."""
    settings = source.settings
    chain = _path(settings.get("certificate_chain"))
    try:
        if "pkcs11" in settings:
            return _on_token(source, chain, ask)
        from rolehop.aws import x509
    except ModuleNotFoundError as missing:
        raise _needs_extra(missing, source) from None
    pkcs12 = _path(settings.get("pkcs12"))
    if pkcs12 is not None:
        return x509.from_pkcs12(pkcs12, chain, ask)
    certificate, key = (Path(str(settings[name])) for name in ("certificate", "private_key"))
    return x509.from_files(certificate, key, chain, ask)


def _on_token(source: SourceConfig, chain: Path | None, ask: AskPassphrase) -> Identity:
    from rolehop.aws import pkcs11, x509

    uri = _uri(source)
    more = x509.certificates(chain) if chain else []
    file = _path(source.settings.get("certificate"))
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


def _fingerprint(source: SourceConfig, inputs: Inputs) -> str:
    """Return a digest that is another one as soon as the certificate is."""
    file = _path(source.settings.get("certificate"))
    sealed = _path(source.settings.get("pkcs12"))
    if file is None and sealed is None:
        return _fingerprint_on_token(source)
    data = _read(inputs.watched(file or sealed or Path()))
    if file is None:
        return sha256(data).hexdigest()
    found = _CERTIFICATE.search(data.decode("latin-1"))
    try:
        return sha256(binascii.a2b_base64(found[1] if found else "", strict_mode=False)).hexdigest()
    except binascii.Error:
        return sha256(data).hexdigest()  # what is wrong with it is told when it is loaded


def _fingerprint_on_token(source: SourceConfig) -> str:
    try:
        from rolehop.aws import pkcs11, x509
    except ModuleNotFoundError as missing:
        raise _needs_extra(missing, source) from None
    return sha256(x509.der(pkcs11.certificate_on_token(_uri(source)))).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read", cause=(error.strerror or "it is not there").lower()
        ) from None


def _from_person(source: SourceConfig, inputs: Inputs, named: str) -> Secret:
    what = _called(source)
    question = f"{what} of {named} (source '{source.name}'):"
    with inputs.locks.waiting_for_person():
        return Secret(inputs.person.ask(question, needed=f"a {what}", hidden=True))


def _called(source: SourceConfig) -> str:
    return "PIN" if "pkcs11" in source.settings else "passphrase"


def _needs_extra(missing: ModuleNotFoundError, source: SourceConfig) -> SourceError:
    extra = "pkcs11" if "pkcs11" in source.settings else "roles-anywhere"
    return SourceError(
        f"source '{source.name}' needs rolehop's extra '{extra}'",
        cause=f"the Python package {missing.name} is not installed",
        fix=_EXTRA.format(extra),
    )


def _kept_as(source: SourceConfig) -> str:
    return f"roles-anywhere/{source.name}"


def _role(source: SourceConfig) -> str:
    """Return the role's whole ARN; the short form is in the trust anchor's partition."""
    partition = partition_of(str(source.settings["trust_anchor"])) or "aws"
    return str(RoleArn.parse_in(str(source.settings["role"]), partition))


def _region_of(arn: str) -> str:
    return arn.split(":")[3]


def _path(value: object) -> Path | None:
    return Path(value) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _told(error: SourceError) -> str:
    return f"{error.what}: {error.cause}" if error.cause else error.what


TYPE = SourceType(TABLE, stamp, build, findings, SignIn(login, logout))
