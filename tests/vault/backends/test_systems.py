"""What is tried on each system, how its back end is used, and settings that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.base.errors import VaultAbsent
from rolehop.vault import GPG_STORE, KERNEL, MACOS, WINDOWS
from rolehop.vault.backend_selection import _describe, _platforms_own, choose_backend, how_to_unlock
from tests.doubles.keyrings import InMemory

SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}
ON_DESKTOP = {**SSH, "DISPLAY": ":0"}
OTHER = "keyring.backends.SecretService.Keyring"


@pytest.mark.parametrize(
    ("platform", "names"),
    [("darwin", [MACOS]), ("win32", [WINDOWS]), ("linux", [KERNEL]), ("freebsd14", [])],
)
def test_what_a_system_without_a_session_bus_tries(platform: str, names: list[str]) -> None:
    tried: list[str] = []
    assert list(_platforms_own({}, platform, tried)) == [(name, None) for name in names]
    bus = "Secret Service: there is no session bus"
    assert tried == ([] if platform in ("darwin", "win32") else [bus])


@pytest.mark.parametrize(
    ("name", "environ", "platform", "line"),
    [
        (OTHER, {}, "linux", None),
        (KERNEL, SSH, "linux", None),
        (OTHER, ON_DESKTOP, "linux", None),
        (OTHER, SSH, "win32", None),
        (MACOS, SSH, "darwin", "unlock it here: security unlock-keychain"),
        (GPG_STORE, {}, "linux", "give GnuPG the passphrase in a terminal: rolehop doctor"),
    ],
)
def test_how_a_person_unlocks_it_from_here(
    name: str, environ: dict[str, str], platform: str, line: str | None
) -> None:
    found = how_to_unlock(name, environ, platform)
    assert (found if found is None else str(found)) == line


def test_over_ssh_the_kernels_keyring_is_offered() -> None:
    found = str(how_to_unlock(OTHER, SSH, "linux"))
    assert found.startswith("use the kernel's keyring, which lasts until reboot: [vault] backend")
    assert " or unlock it with its password: " in found


def test_windows_keeps_it_on_this_machine_in_short_items() -> None:
    keyring = InMemory()
    chosen = _describe(WINDOWS, keyring, {}, "win32")
    assert vars(keyring)["persist"] == "local machine"
    assert chosen.deletes_first
    assert chosen.asks_person
    assert chosen.lasting
    assert chosen.limit is not None


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\xff", "it is not UTF-8"),
        (b"backend", "it is not written as [section] and key = value, in line 1"),
        (None, "is a directory"),
    ],
)
def test_keyrings_own_settings_that_cannot_be_read(
    tmp_path: Path, content: bytes | None, cause: str
) -> None:
    path = tmp_path / "python_keyring" / "keyringrc.cfg"
    path.mkdir(parents=True)
    if content is not None:
        path.rmdir()
        path.write_bytes(content)
    with pytest.raises(VaultAbsent) as caught:
        choose_backend(None, {"XDG_CONFIG_HOME": str(tmp_path)}, "linux")
    assert str(caught.value.cause) == cause
