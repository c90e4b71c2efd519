"""The certificate and key of a ``roles-anywhere`` source: in files, in a PKCS#12 file, on a token."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.errors import SourceError
from rolehop.sources.source_type import problem_of

if TYPE_CHECKING:
    from rolehop.aws import pkcs11
    from rolehop.aws.x509 import AskPassphrase, Certificate, Identity
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

_EXTRA = 'pip install "rolehop[{}]"'


def leaf_of(source: SourceConfig, inputs: SourceContext) -> Certificate | None:
    """Return the certificate; ``None``: a PKCS#12 file keeps it.

    Raises:
        SourceError: it is not there, or is none.
    """
    file = path_in(source.settings.get("certificate"))
    try:
        from rolehop.aws import x509

        if file is not None:
            return x509.certificates(inputs.watched(file))[0]
        if "pkcs12" in source.settings:
            inputs.watched(Path(str(source.settings["pkcs12"])))
            return None
        from rolehop.aws import pkcs11
    except ModuleNotFoundError as missing:
        raise needs_extra(missing, source) from None
    inputs.beyond_record()  # another token may be plugged in
    return pkcs11.certificate_on_token(_uri(source))


def fingerprint_of(source: SourceConfig, leaf: Certificate | None) -> str:
    """Return a digest that is another one as soon as the certificate is.

    Raises:
        SourceError: there is no PKCS#12 file, or what is there is surely none.
    """
    from rolehop.aws import x509

    if leaf is not None:
        return sha256(x509.der(leaf)).hexdigest()
    return sha256(x509.pkcs12_file(Path(str(source.settings["pkcs12"])))).hexdigest()


def problem_with(
    source: SourceConfig, inputs: SourceContext, leaf: Certificate | None
) -> str | None:
    """Return why no session can be got now, as far as it is seen without a passphrase."""
    from rolehop.aws import x509

    key, chain = (
        path_in(source.settings.get(name)) for name in ("private_key", "certificate_chain")
    )
    try:
        if leaf is not None:
            x509.check_validity(leaf, inputs.now())
            if key is not None:
                x509.check_key(leaf, key)
        if chain is not None:
            x509.certificates(chain)
        if "pkcs11" in source.settings:
            _uri(source)
    except ModuleNotFoundError as missing:
        return problem_of(needs_extra(missing, source))
    except SourceError as error:
        return problem_of(error)
    return None


def is_sealed(source: SourceConfig) -> bool:
    """Tell whether the key surely takes a passphrase or a PIN; nothing is asked for."""
    settings = source.settings
    if "pkcs11" in settings:
        return True
    try:
        from rolehop.aws import x509

        if "pkcs12" in settings:
            return x509.wants_passphrase(Path(str(settings["pkcs12"])), pkcs12_file=True)
        return x509.wants_passphrase(Path(str(settings["private_key"])))
    except (ModuleNotFoundError, SourceError):
        return False  # said by what looks for the key itself


def identity_of(source: SourceConfig, ask: AskPassphrase) -> Identity:
    """Read certificate and key by the one way that the config names.

    Raises:
        SourceError: they are not there, or do not belong together.
        WrongPassphrase: what ``ask`` gave does not open the key.
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


def _on_token(source: SourceConfig, chain: Path | None, ask: AskPassphrase) -> Identity:
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
        fix=_EXTRA.format(extra),
    )


def path_in(value: object) -> Path | None:
    """Return the path that a setting holds; ``None``: it is absent."""
    return Path(value) if isinstance(value, str) else None
