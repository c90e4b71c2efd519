from __future__ import annotations

import json
import os
import posix
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import keyring.backend
import pytest
from keyring.backend import KeyringBackend

from rolehop.base.errors import VaultAbsent
from rolehop.config.value_types import BACKENDS
from rolehop.vault import KERNEL, PLAIN_NAMES
from rolehop.vault.backend_selection import choose_backend, named_backend
from rolehop.vault.kernel import shared_by_containers, usable
from tests.doubles.keyrings import InMemory, Weak
from tests.support.environment import for_coverage
from tests.support.secret_service import BACKEND as SECRET_SERVICE
from tests.support.secret_service import SecretService

ROOT = Path(__file__).parents[2]
IN_MEMORY = "tests.doubles.keyrings.InMemory"
WEAK = "tests.doubles.keyrings.Weak"
PLAINTEXT = "keyrings.alt.file.PlaintextKeyring"

# Discovery looks at every class of the process, so it gets a process without the doubles.
_CHOOSE = """
import json, sys
from rolehop.base.errors import VaultAbsent
from rolehop.vault.backend_selection import choose_backend
named, environ, platform = json.loads(sys.argv[1])
try:
    chosen = choose_backend(named, environ, platform)
    print(json.dumps([chosen.name, chosen.warning, chosen.asks_person, chosen.lasting]))
except VaultAbsent as absent:
    print(json.dumps([None, absent.what, absent.cause, absent.fix]))
"""


def choose_apart(
    environ: dict[str, str],
    platform: str,
    named: str | None = None,
    within: tuple[str, ...] = (),
) -> list[object]:
    argv = [sys.executable, "-W", "error", "-c", _CHOOSE, json.dumps([named, environ, platform])]
    done = subprocess.run(
        [*within, *argv],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **for_coverage(), **environ},
    )
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def keyringrc(home: dict[str, str], text: str) -> Path:
    path = Path(home["HOME"], ".config", "python_keyring", "keyringrc.cfg")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_config_beats_the_environment_which_beats_keyringrc(home: dict[str, str]) -> None:
    keyringrc(home, f"[backend]\ndefault-keyring={WEAK}\n")
    full = {**home, "PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.Limited"}
    assert choose_backend(IN_MEMORY, full, "linux").name == IN_MEMORY
    assert choose_backend(None, full, "linux").name == "tests.doubles.keyrings.Limited"
    assert choose_backend(None, home, "linux").name == WEAK


def test_keyringrc_is_read_from_the_path_that_keyring_uses(tmp_path: Path) -> None:
    text = f"[backend]\ndefault-keyring = {IN_MEMORY}\n"
    keyringrc({"HOME": str(tmp_path / "home")}, text)
    xdg, windows = tmp_path / "xdg" / "python_keyring", tmp_path / "app" / "Python Keyring"
    for folder in (xdg, windows):
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text(text)
    assert choose_backend(None, {"HOME": str(tmp_path / "home")}, "darwin").name == IN_MEMORY
    assert choose_backend(None, {"XDG_CONFIG_HOME": str(xdg.parent)}, "linux").name == IN_MEMORY
    assert choose_backend(None, {"LOCALAPPDATA": str(windows.parent)}, "win32").name == IN_MEMORY


def test_keyringrc_may_bring_its_own_path(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "elsewhere.py").write_text(
        "from tests.doubles.keyrings import InMemory as Mine\n"
    )
    keyringrc(
        home, f"[backend]\ndefault-keyring=elsewhere.Mine\nkeyring-path={tmp_path / 'place'}\n"
    )
    assert choose_apart(home, "linux")[0] == "elsewhere.Mine"
    (tmp_path / "place").chmod(0o777)
    with pytest.raises(VaultAbsent, match="is not followed") as caught:
        choose_backend(None, home, "linux")
    assert f"{tmp_path}/place: everybody on this machine can write it" in str(caught.value.cause)


def test_a_keyringrc_that_others_can_write_is_not_followed(home: dict[str, str]) -> None:
    keyringrc(home, f"[backend]\ndefault-keyring={IN_MEMORY}\n").chmod(0o666)
    with pytest.raises(VaultAbsent, match="names a keyring and is not followed"):
        choose_backend(None, home, "linux")


@pytest.mark.parametrize("place", ["~no-such-user/x", "/a\0b"])
def test_a_keyringrc_that_names_no_folder_is_an_error(home: dict[str, str], place: str) -> None:
    keyringrc(home, f"[backend]\ndefault-keyring={IN_MEMORY}\nkeyring-path={place}\n")
    with pytest.raises(VaultAbsent, match=r"keyringrc.cfg names no folder as keyring-path"):
        choose_backend(None, home, "linux")


def test_a_malformed_keyringrc_is_an_error(home: dict[str, str]) -> None:
    keyringrc(home, "backend")
    with pytest.raises(VaultAbsent, match=r"keyringrc.cfg cannot be read"):
        choose_backend(None, home, "linux")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("no.such.Class", "PYTHON_KEYRING_BACKEND names it: there is no Python module no"),
        (
            "tests.doubles.keyrings.Nobody",
            "PYTHON_KEYRING_BACKEND names it: its module has no Nobody",
        ),
        ("InMemory", "PYTHON_KEYRING_BACKEND names it: 'InMemory' is not module.Class"),
        (
            "keyring.backends.Windows.WinVaultKeyring",
            "PYTHON_KEYRING_BACKEND names it: Requires Windows and pywin32",
        ),
        (
            "keyring.backends.null.Keyring",
            "PYTHON_KEYRING_BACKEND names keyring.backends.null.Keyring, which stores nothing",
        ),
        (
            "keyring.backends.fail.Keyring",
            "PYTHON_KEYRING_BACKEND names keyring.backends.fail.Keyring, which stores nothing",
        ),
    ],
)
def test_a_name_that_cannot_be_used_is_an_error_and_nothing_else_is_used(
    name: str, cause: str
) -> None:
    with pytest.raises(VaultAbsent) as caught:
        choose_backend(None, {"PYTHON_KEYRING_BACKEND": name}, "linux")
    assert (caught.value.cause or "").startswith(cause)
    assert caught.value.fix


def test_each_plain_name_of_the_config_is_a_back_end_and_classes_stay_usable() -> None:
    assert tuple(PLAIN_NAMES.values()) == BACKENDS
    for name, plain in PLAIN_NAMES.items():
        assert named_backend(plain, {}, "linux") == ("[vault] backend", name)
        assert named_backend(name, {}, "linux") == ("[vault] backend", name)


def test_people_are_shown_the_plain_name() -> None:
    with pytest.raises(VaultAbsent) as caught:
        choose_backend("wincred", {}, "linux")
    assert caught.value.what == "the keyring wincred cannot be used"


@pytest.mark.parametrize("name", [PLAINTEXT, WEAK])
def test_plaintext_named_on_purpose_is_used_with_a_warning(home: dict[str, str], name: str) -> None:
    pytest.importorskip("keyrings.alt")
    chosen = choose_backend(name, home, "linux")
    assert chosen.name == name
    assert chosen.warning == f"[vault] backend names {name}: it may keep secrets in plain text"


def test_the_encrypted_file_of_keyrings_alt_is_no_exception(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keyrings.alt")
    for name in ("Random", "Cipher", "Protocol"):  # of pycryptodome, which it needs to be made
        part = ModuleType(f"Cryptodome.{name}")
        vars(part).update(AES=None, KDF=None)
        monkeypatch.setitem(sys.modules, part.__name__, part)
    package = ModuleType("Cryptodome")
    vars(package)["Random"] = sys.modules["Cryptodome.Random"]
    monkeypatch.setitem(sys.modules, "Cryptodome", package)
    name = "keyrings.alt.file.EncryptedKeyring"
    chosen = choose_backend(name, home, "linux")
    assert chosen.name == name
    assert chosen.warning == f"[vault] backend names {name}: it may keep secrets in plain text"


def test_plaintext_that_discovery_finds_is_refused(home: dict[str, str]) -> None:
    pytest.importorskip("keyrings.alt")
    # A system that is no Linux, so that there is neither a bus nor the kernel's keyring.
    name, what, cause, fix = choose_apart(home, "freebsd14")
    assert name is None
    assert what == "there is no usable keyring"
    assert isinstance(cause, str)
    assert cause.startswith("Secret Service: there is no session bus; keyrings.alt.")
    assert cause.endswith(" may keep secrets in plain text and was not chosen explicitly: refused")
    assert '[vault] backend = "kernel"' in str(fix)


def test_what_discovery_finds_is_used_if_nothing_is_to_be_said_against_it(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyringrc(home, "[backend]\n")  # which names none
    found: list[KeyringBackend] = [Weak(), InMemory()]
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: found)
    assert choose_backend(None, home, "freebsd14").name == IN_MEMORY
    found.clear()
    with pytest.raises(VaultAbsent) as caught:
        choose_backend(None, home, "freebsd14")
    assert caught.value.cause == "Secret Service: there is no session bus"


def test_a_bus_that_may_be_somebody_elses_is_not_asked_which_keyrings_run_on_it(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posix, "uname", lambda: os.uname_result(("Linux", "", "", "", "pdp11")))
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: pytest.fail("it was asked"))
    elsewhere = {**home, "DBUS_SESSION_BUS_ADDRESS": "tcp:host=127.0.0.1,port=9"}
    with pytest.raises(VaultAbsent) as caught:
        choose_backend(None, elsewhere, "linux")
    assert "the session bus cannot be checked: it is not a Unix socket" in str(caught.value.cause)
    assert "kernel" in str(caught.value.cause)


def test_each_member_of_a_chain_of_keyrings_is_judged(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them may use a bus of which nothing is known; here none needs one."""
    chainer = "keyring.backends.chainer.ChainerBackend"
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: [InMemory(), Weak()])
    assert choose_backend(chainer, home, "linux").name == chainer


def need_unshared_kernel_keyring() -> None:
    if usable() is not None or shared_by_containers():
        pytest.skip(f"no kernel keyring of this user alone: {usable()}")


def test_without_a_session_bus_linux_has_the_kernel_keyring(home: dict[str, str]) -> None:
    need_unshared_kernel_keyring()
    assert choose_apart(home, "linux") == [KERNEL, None, False, False]


def test_a_bus_without_a_secret_service_leads_to_the_kernel_keyring(home: dict[str, str]) -> None:
    need_unshared_kernel_keyring()
    dead = {**home, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home['HOME']}/no-bus"}
    assert choose_apart(dead, "linux")[0] == KERNEL


AS_ROOT = pytest.mark.root("to make namespaces")
CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")
OF_ONE_USER = ("unshare", "--user", "--map-root-user", *CONTAINER[1:])
WSL = ("sh", "-c", 'mount -t tmpfs none /run && mkdir /run/WSL && exec "$@"', "sh")
NO_PROC = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")


def need(within: tuple[str, ...]) -> None:
    if usable() is not None:
        pytest.skip(f"no kernel keyring: {usable()}")
    done = subprocess.run([*within, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no such namespaces: {done.stderr}")


@AS_ROOT
@pytest.mark.parametrize("within", [CONTAINER, NO_PROC], ids=["container", "no /proc"])
def test_a_keyring_that_other_containers_may_share_is_used_only_if_it_is_named(
    home: dict[str, str], within: tuple[str, ...]
) -> None:
    need(within)
    _, what, cause, fix = choose_apart(home, "linux", within=within)
    assert what == "there is no usable keyring"
    shared = "kernel keyring: other containers may use the same one, unless you name it"
    assert str(cause).startswith(f"Secret Service: there is no session bus; {shared}")
    assert '[vault] backend = "kernel"' in str(fix)
    assert choose_apart(home, "linux", KERNEL, within) == [KERNEL, None, False, False]


@pytest.mark.parametrize(
    "within",
    [
        pytest.param(OF_ONE_USER, id="user namespace"),
        pytest.param((*CONTAINER, *WSL), id="WSL", marks=AS_ROOT),
    ],
)
def test_a_keyring_of_one_person_is_used_in_a_container(
    home: dict[str, str], within: tuple[str, ...]
) -> None:
    need(within)
    assert choose_apart(home, "linux", within=within) == [KERNEL, None, False, False]


def test_a_running_secret_service_is_used(secret_service: SecretService) -> None:
    assert choose_apart(secret_service.environ, "linux") == [SECRET_SERVICE, None, False, True]


def test_with_a_display_the_user_may_be_asked(secret_service: SecretService) -> None:
    environ = {**secret_service.environ, "WAYLAND_DISPLAY": "wayland-0"}
    assert choose_apart(environ, "linux") == [SECRET_SERVICE, None, True, True]


def test_nothing_of_keyring_is_imported_before_a_back_end_is_chosen() -> None:
    code = (
        "import sys, rolehop.vault;"
        "print([name for name in sys.modules if name.split('.')[0] in ('keyring', 'jeepney')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_the_kernel_back_end_is_not_an_entry_point() -> None:
    from importlib.metadata import entry_points

    assert not [each for each in entry_points(group="keyring.backends") if "rolehop" in each.value]
