"""Each file that decides who the user is at AWS, or what a session may do, is refused if others could have put it there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest
from keyring.errors import KeyringError

from rolehop.app.ports import Nobody
from rolehop.aws import x509
from rolehop.awsconfig import parse_aws_config
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.files import read_trusted
from rolehop.cli.param_types import PolicyFile
from rolehop.commands.each.output_folder import OutputFolder
from rolehop.config.loader import load_config
from rolehop.config.model import SourceConfig
from rolehop.sources import SOURCE_TABLES, container, profile, saml
from rolehop.sources.context import SourceContext
from rolehop.sources.web_tokens import TokenOrigin
from rolehop.vault.password_store import PasswordStore
from tests.sources import pki
from tests.sources.conftest import NOW, MemoryKeyStore
from tests.support.other_users import AS_ROOT, SOMEBODY

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


def context(folder: Path, aws: str = "", **environ: str) -> SourceContext:
    return SourceContext(
        environ={"HOME": str(folder), **environ},
        aws=parse_aws_config(aws, None),
        aws_files=(folder / "config", folder / "credentials"),
        keys=MemoryKeyStore(),
        now=lambda: NOW,
        person=Nobody("this is a test"),
        source_of_chain=lambda name: None,
    )


def session_policy(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(json.dumps(POLICY).encode())
    return lambda: PolicyFile().convert(str(path), None, None)


def policy_file(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(json.dumps(POLICY).encode())
    config = path.parents[1] / "config.toml"
    config.write_text(
        'version = 1\n[sources.s]\ntype = "environment"\n[chains.c]\nsource = "s"\n'
        f'hops = [{{ role = "arn:aws:iam::123456789012:role/r", policy_file = "{path}" }}]\n'
    )
    return lambda: load_config(
        [config], explicit=True, read=read_trusted, source_types=SOURCE_TABLES
    )


def include(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(b"version = 1\n")
    config = path.parents[1] / "config.toml"
    config.write_text(f'version = 1\ninclude = ["{path}"]\n')
    return lambda: load_config(
        [config], explicit=True, read=read_trusted, source_types=SOURCE_TABLES
    )


def token_file(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(TOKEN)
    source = SourceConfig("s", "web-identity", {"token_file": str(path)})
    return lambda: TokenOrigin.of(source, context(path.parent)).token()


def profiles_token(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(TOKEN)
    aws = f"[profile p]\nweb_identity_token_file = {path}\nrole_arn = arn:aws:iam::1:role/r\n"
    return lambda: profile.token_state("p", context(path.parent, aws))


def pods_token(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(b"token")
    return lambda: container._token({container.TOKEN_FILE: str(path)})


def assertion_file(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(b"assertion")
    source = SourceConfig("s", "saml", {"assertion_file": str(path)})
    return lambda: saml.read_text(source, context(path.parent))


ISSUED = pki.issue("me")
TOKEN = b"e30.eyJpc3MiOiJpIiwic3ViIjoicyJ9.c2ln"


def certificate(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(pki.pem(ISSUED.certificate))
    return lambda: x509.certificates(path)


def private_key(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(pki.key_pem(ISSUED.key))
    return lambda: x509.check_key(ISSUED.certificate, path)


def certificate_chain(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(pki.pem(ISSUED.certificate))
    own = path.parents[1]
    leaf = pki.write(own / "leaf.pem", pki.pem(ISSUED.certificate))
    key = pki.write(own / "key.pem", pki.key_pem(ISSUED.key))
    return lambda: x509.from_files(leaf, key, path, lambda name: pytest.fail(name))


def pkcs12(path: Path, write: Callable[[bytes], None]) -> Callable[[], object]:
    write(pki.p12(ISSUED, [], None))
    return lambda: x509.pkcs12_file(path)


FILES = [
    *(session_policy, policy_file, include, token_file, profiles_token, pods_token),
    *(assertion_file, certificate, private_key, certificate_chain, pkcs12),
]


def by_link(path: Path, data: bytes) -> str:
    """Let a link that another user has put into a sticky folder lead to a file of this user."""
    path.parent.chmod(0o1777)
    target = path.with_name("target")
    target.write_bytes(data)
    path.symlink_to(target)
    os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    return f"the link {path} on the way to it belongs to number {SOMEBODY}"


def in_a_shared_folder(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.parent.chmod(0o777)
    return f"everybody on this machine can write {path.parent} on the way to it (chmod o-w)"


def in_anothers_folder(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    os.chown(path.parent, SOMEBODY, -1)
    return f"{path.parent} on the way to it belongs to number {SOMEBODY}"


def of_another_user(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.chmod(0o644)
    os.chown(path, SOMEBODY, -1)
    return f"it belongs to number {SOMEBODY}, neither to you nor to root"


def of_a_group(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    os.chown(path, -1, SOMEBODY)
    path.chmod(0o660)
    return f"group number {SOMEBODY} can write it (chmod g-w)"


def with_a_second_name(path: Path, data: bytes) -> str:
    """In a sticky folder others can give a name to a file of this user that means something else."""
    path.parent.chmod(0o1777)
    other = path.parents[1] / "other"
    other.write_bytes(data)
    path.hardlink_to(other)
    return "it has a second name (a hard link), in a folder that others can write"


SPOILED = [
    in_a_shared_folder,
    with_a_second_name,
    *(
        pytest.param(each, marks=AS_ROOT)
        for each in (by_link, in_anothers_folder, of_another_user, of_a_group)
    ),
]


def said_by(use: Callable[[], object]) -> str:
    """Return everything that the error says."""
    with pytest.raises((RolehopError, click.BadParameter)) as caught:
        use()
    error: Exception = caught.value
    if isinstance(error, RolehopError):
        return f"{error.what}: {error.cause}; {error.fix}"
    return str(error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "file"


@pytest.mark.parametrize("decides", FILES)
@pytest.mark.parametrize("spoil", SPOILED)
def test_what_others_could_have_put_there_decides_nothing(
    path: Path,
    decides: Callable[[Path, Callable[[bytes], None]], Callable[[], object]],
    spoil: Callable[[Path, bytes], str],
) -> None:
    whys: list[str] = []
    use = decides(path, lambda data: whys.append(spoil(path, data)))
    said = said_by(use)
    assert whys[0] in said
    assert any(each in said for each in ("not followed", "not used", "file is not"))


@pytest.mark.parametrize("decides", FILES)
@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_what_only_this_user_can_write_decides(
    path: Path,
    decides: Callable[[Path, Callable[[bytes], None]], Callable[[], object]],
    mode: int,
) -> None:
    """Also in a folder like /tmp, and by a link of this user."""
    path.parent.chmod(mode)
    path.with_name("link").symlink_to("file")
    decides(path, lambda data: void(path.write_bytes(data)))()
    decides(path.with_name("link"), lambda data: void(path.write_bytes(data)))()


def void(_: object) -> None:
    """Return nothing."""


class TestPass:
    """A store of ``pass``: what is in it is whom sessions are encrypted for, and sessions."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Path:
        store = tmp_path / "store"
        item = store / "python-keyring" / "rolehop" / "it.gpg"
        item.parent.mkdir(parents=True)
        item.write_text("item")
        (store / ".gpg-id").write_text("me\n")
        (tmp_path / "pass").write_text("#!/bin/sh\necho session\n")
        (tmp_path / "pass").chmod(0o755)
        return store

    def opened(self, store: Path) -> PasswordStore:
        return PasswordStore({"PATH": str(store.parent), "PASSWORD_STORE_DIR": str(store)})

    def test_of_this_user(self, store: Path) -> None:
        backend = self.opened(store)
        assert backend.get_password("rolehop", "it") == "session\n"
        backend.set_password("rolehop", "it", "other")

    @pytest.mark.parametrize("spoil", SPOILED)
    @pytest.mark.parametrize("name", [".gpg-id", "python-keyring/.gpg-id"])
    def test_the_recipients_are_not_anybodys(
        self, store: Path, spoil: Callable[[Path, bytes], str], name: str
    ) -> None:
        recipients = store / name
        recipients.unlink(missing_ok=True)
        why = spoil(recipients, b"me\n").partition(" on the way")[0].partition(" (hard")[0]
        with pytest.raises((RuntimeError, KeyringError)) as caught:
            self.opened(store).set_password("rolehop", "it", "session")
        # A folder that others may write is refused whoever its files belong to.
        assert why in str(caught.value) or f"{recipients.parent} is not followed" in str(
            caught.value
        )

    @pytest.mark.parametrize("spoil", SPOILED)
    def test_an_item_is_not_anybodys(
        self, store: Path, spoil: Callable[[Path, bytes], str]
    ) -> None:
        item = store / "python-keyring" / "rolehop" / "it.gpg"
        item.unlink()
        why = spoil(item, b"item").partition(" on the way")[0].partition(" (hard")[0]
        backend = self.opened(store)
        refused = f"{re.escape(why)}|{item.parent} is not followed"
        with pytest.raises(KeyringError, match=refused):
            backend.get_password("rolehop", "it")
        with pytest.raises(KeyringError, match=refused):
            backend.set_password("rolehop", "it", "session")

    def test_nor_is_what_is_above_it(self, store: Path) -> None:
        store.parent.chmod(0o777)
        with pytest.raises(RuntimeError, match=f"can write {store.parent} on the way to it"):
            self.opened(store)


class TestOutput:
    """The folder of ``each --output``."""

    @pytest.mark.parametrize("there", [True, False])
    def test_others_can_write_above_it(self, tmp_path: Path, there: bool) -> None:
        root = tmp_path / "shared" / "own" / "out"
        if there:
            root.mkdir(parents=True, mode=0o700)
        else:
            root.parent.parent.mkdir()
        (tmp_path / "shared").chmod(0o777)
        said = said_by(lambda: OutputFolder(root, []))
        assert f"can write {tmp_path}/shared on the way to it (chmod o-w)" in said

    def test_a_folder_like_tmp_is_fine_above_it_and_not_for_it(self, tmp_path: Path) -> None:
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared").chmod(0o1777)
        OutputFolder(tmp_path / "shared" / "out", [])
        with pytest.raises(UsageError):
            OutputFolder(tmp_path / "shared", [])

    @AS_ROOT
    @pytest.mark.parametrize("is_link", [True, False])
    def test_it_is_not_where_another_user_says(self, tmp_path: Path, is_link: bool) -> None:
        shared, root = tmp_path / "shared", tmp_path / "shared" / "there"
        shared.mkdir()
        shared.chmod(0o1777)
        if is_link:
            (tmp_path / "own").mkdir()
            root.symlink_to(tmp_path / "own")
        else:
            root.mkdir()
        os.chown(root, SOMEBODY, -1, follow_symlinks=False)
        for each in (root, root / "out"):
            said = said_by(partial(OutputFolder, each, []))
            assert f"belongs to number {SOMEBODY}" in said


def test_a_config_above_which_others_can_write_is_refused(path: Path) -> None:
    path.write_text("version = 1\n")
    path.parent.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        load_config([path], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
    assert f"can write {path.parent} on the way to it (chmod o-w)" in str(caught.value)
