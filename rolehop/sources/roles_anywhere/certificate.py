"""The certificate and key of a ``roles-anywhere`` source, from files, PKCS#12 or PKCS#11."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import install_extra
from rolehop.digest import sha256_hex
from rolehop.errors import SourceError
from rolehop.sources.source_type import one_line

if TYPE_CHECKING:
    from rolehop.aws.certificates import pkcs11
    from rolehop.aws.certificates.x509 import AskPassphrase, Certificate, CertificateIdentity
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext


def leaf_of(source: SourceConfig, context: SourceContext) -> Certificate | None:
    """Return the certificate, or ``None`` if it is inside a PKCS#12 file.

    Raises:
        SourceError: it does not exist, or is not a certificate.
    """
    file = path_in(source.settings.get("certificate"))
    try:
        from rolehop.aws.certificates import x509

        if file is not None:
            return x509.certificates(context.watched(file))[0]
        if "pkcs12" in source.settings:
            context.watched(Path(str(source.settings["pkcs12"])))
            return None
        from rolehop.aws.certificates import pkcs11
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
    from rolehop.aws.certificates import x509

    if leaf is not None:
        return sha256_hex(x509.der(leaf))
    return sha256_hex(x509.pkcs12_file(Path(str(source.settings["pkcs12"]))))


def problem_with(
    source: SourceConfig, context: SourceContext, leaf: Certificate | None
) -> str | None:
    """Return why the source cannot work now, as far as that shows without a passphrase."""
    from rolehop.aws.certificates import x509

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
        from rolehop.aws.certificates import x509

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
        from rolehop.aws.certificates import x509
    except ModuleNotFoundError as missing:
        raise needs_extra(missing, source) from None
    pkcs12 = path_in(settings.get("pkcs12"))
    if pkcs12 is not None:
        return x509.from_pkcs12(pkcs12, chain, ask)
    certificate, key = (Path(str(settings[name])) for name in ("certificate", "private_key"))
    return x509.from_files(certificate, key, chain, ask)


def _on_token(source: SourceConfig, chain: Path | None, ask: AskPassphrase) -> CertificateIdentity:
    from rolehop.aws.certificates import pkcs11, x509

    uri = _uri(source)
    more = x509.certificates(chain) if chain else []
    file = path_in(source.settings.get("certificate"))
    if file is None:
        return pkcs11.from_token(uri, pkcs11.certificate_on_token(uri), more, ask)
    leaf, *others = x509.certificates(file)
    return pkcs11.from_token(uri, leaf, [*others, *more], ask)


def _uri(source: SourceConfig) -> pkcs11.Uri:
    from rolehop.aws.certificates import pkcs11

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
