"""Keys on a PKCS#11 token."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from rolehop.aws import pkcs11, x509
from rolehop.base.credentials import Secret
from rolehop.sources import roles_anywhere, stamp_of
from rolehop.sources.source_type import Login
from tests.doubles.roles_anywhere import RolesAnywhere
from tests.sources.machines import (
    MemoryTokens,
    Typist,
    context_of,
    failure,
    source_of,
)
from tests.sources.pki import Issued, ec_key, issue, key_pem, rsa_key, write
from tests.sources.roles_anywhere.helpers import (
    load,
    settings,
)
from tests.support.world import World

PIN = "937214"


SO_PIN = "55555555"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SoftHSM token, empty but for what a test imports; its module's path."""
    module = next((str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")), None)
    if shutil.which("softhsm2-util") is None or module is None:
        pytest.skip("softhsm2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        subprocess.run(
            f"softhsm2-util --init-token --free --label work --pin {PIN} --so-pin {SO_PIN}".split(),
            check=True,
            capture_output=True,
        )
        yield module


def import_key(folder: Path, leaf: Issued, label: str, number: str) -> None:
    """Put key and certificate on the token, as a token's own tools do."""
    import pkcs11 as lib

    write(folder / "import.key", key_pem(leaf.key))
    subprocess.run(
        [
            *f"softhsm2-util --token work --label {label} --id {number} --pin {PIN}".split(),
            "--import",
            str(folder / "import.key"),
        ],
        check=True,
        capture_output=True,
    )
    module = next(str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so"))
    library = lib.lib(module)
    library.reinitialize()  # softhsm2-util has written behind its back
    with library.get_token(token_label="work").open(user_pin=PIN, rw=True) as session:
        session.create_object(
            {
                lib.Attribute.CLASS: lib.ObjectClass.CERTIFICATE,
                lib.Attribute.CERTIFICATE_TYPE: lib.CertificateType.X_509,
                lib.Attribute.TOKEN: True,
                lib.Attribute.LABEL: label,
                lib.Attribute.ID: bytes.fromhex(number),
                lib.Attribute.SUBJECT: leaf.certificate.subject.public_bytes(),
                lib.Attribute.VALUE: x509.der(leaf.certificate),
            }
        )


class TestToken:
    @pytest.mark.parametrize(("make", "number"), [(rsa_key, "01"), (ec_key, "02")])
    def test_keys_sign_without_leaving_the_token(
        self,
        make: Any,
        number: str,
        token: str,
        world: World,
        double: RolesAnywhere,
        root: Issued,
        tmp_path: Path,
    ) -> None:
        leaf = issue("on token", root, key=make())
        import_key(tmp_path, leaf, f"key{number}", number)
        settings(world, f'pkcs11 = "pkcs11:token=work;id=%{number}?module-path={token}"')
        person = Typist(PIN)
        assert load(world, person=person).access_key_id == double.keys[0].access_key_id
        assert PIN not in "".join(person.asked)
        fingerprint = leaf.certificate.fingerprint(hashes.SHA256()).hex()
        value = stamp_of(source_of(world), context_of(world)).value
        assert value == f"{fingerprint} {double.url}"
        beyond: list[str] = []
        watching = context_of(world, beyond_record=lambda: beyond.append("token"))
        assert stamp_of(source_of(world), watching).problem is None
        assert beyond  # another token may be plugged in: the quick path steps aside
        error = failure(world, person=Typist("000000"))
        assert error.cause == "the PIN is wrong"
        assert error.fix == "check it; store the right PIN: rolehop source login s"
        settings(world, f'pkcs11 = "pkcs11:token=work;object=key{number}?module-path={token}"')
        message = roles_anywhere.login(
            source_of(world), context_of(world, tokens=MemoryTokens()), Login(text=Secret(PIN))
        )
        assert message == "the PIN of source 's' is in the keyring"

    def test_what_is_not_there_is_reported(
        self, token: str, world: World, double: RolesAnywhere
    ) -> None:
        settings(world, f'pkcs11 = "pkcs11:token=other?module-path={token}"')
        assert failure(world).what == "no token matches token=other"
        settings(world, f'pkcs11 = "pkcs11:token=work;object=none?module-path={token}"')
        assert failure(world).what == "no certificate matches token=work;object=none"
        settings(world, 'pkcs11 = "pkcs11:token=work?module-path=/nonexistent.so"')
        assert failure(world).what == "the PKCS#11 module /nonexistent.so cannot be loaded"

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("pkcs11:token=A%20B;id=%01%ff", {"token": "A B", "id": b"\x01\xff"}),
            (
                "pkcs11:object=k;slot-id=3?module-path=/x.so",
                {"label": "k", "slot": 3, "module": "/x.so"},
            ),
            ("pkcs11:serial=1;manufacturer=m;model=o;type=private", {"serial": "1", "model": "o"}),
        ],
    )
    def test_uris_are_read_by_rfc_7512(self, text: str, parts: dict[str, object]) -> None:
        uri = pkcs11.parse_uri(text)
        assert {name: getattr(uri, name) for name in parts} == parts

    @pytest.mark.parametrize(
        "text",
        ["http:x", "pkcs11:colour=red", "pkcs11:token", "pkcs11:slot-id=x", "pkcs11:?pin-value=1"],
    )
    def test_other_uris_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"PKCS#11|attribute|number|PIN"):
            pkcs11.parse_uri(text)
