"""Another user in the same login session gets nothing through the kernel keyring, and plants nothing.

``su``, ``runuser`` and a daemon that root starts keep root's session keyring. With root's user
keyring linked there, as pam_keyinit does it, they possess all that is in it.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.environment import for_coverage
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring, run

AS_ROOT = pytest.mark.root("to become another user")
ROOT = Path(__file__).parents[2]
OTHER = 65_534  # nobody
BECOME = {
    "su": ["su", "-s", "/bin/sh", "nobody", "-c"],
    "setpriv": ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "sh", "-c"],
}
PLACES = pytest.mark.parametrize("link", [True, False], ids=["linked", "apart"])
WAYS = pytest.mark.parametrize("way", BECOME)


@cache
def python() -> str:
    """Return a Python that every user may run."""
    for each in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        done = subprocess.run(
            [*BECOME["setpriv"], f"exec {each} -c 'import ctypes'"], capture_output=True
        )
        if done.returncode == 0:
            return each
    pytest.skip("no Python that every user may run")


# What the other user runs: a program of its own, so nothing that this process holds comes along.
THIEF = """
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
add, ctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
def call(number, *arguments):
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer = libc.syscall(ctypes.c_long(number), *wide)
    return answer if answer >= 0 else -ctypes.get_errno()
def keyctl(*arguments):
    return call(ctl, *arguments)
def tried(name, key):
    room = ctypes.create_string_buffer(40_000)
    return {
        "read": keyctl(11, key, room, 40_000),
        "describe": keyctl(6, key, room, 40_000),
        "search": keyctl(10, -3, b"user", name, 0),
        "search big": keyctl(10, -3, b"big_key", name, 0),
        "update": keyctl(2, key, b"x", 1),
        "rights": keyctl(5, key, 0x3F3F3F3F),
        "owner": keyctl(4, key, os.getuid(), -1),
        "link": keyctl(8, key, -3),
        "timeout": keyctl(15, key, 1),
        "revoke": keyctl(3, key),
        "invalidate": keyctl(21, key),
        "listed": -errno.EACCES if name.decode() not in open("/proc/keys").read() else 1,
    }
"""

# What root runs, in a new session keyring.
VICTIM = """
import ctypes, json, os, subprocess, sys
from rolehop.hotpath import keyctl
from rolehop.vault.kernel import KernelKeyring
service, link, thief = sys.argv[1], sys.argv[2] == "linked", sys.argv[3:]
assert keyctl.keyctl(1, ctypes.c_char_p(None)) > 0  # JOIN_SESSION_KEYRING
if link:
    keyctl.keyctl(8, keyctl.USER_RING, -3)
keyring, name = KernelKeyring(), keyctl.description(service, "rolehop")
def become(*arguments):
    return json.loads(subprocess.check_output([*thief, *map(str, arguments)], text=True))
try:
    {steps}
finally:
    for kind in keyctl.KINDS:
        for each in (name, b"of-another-program:" + name):
            try:
                serial = keyctl.keyctl(keyctl.SEARCH, keyctl.USER_RING, kind, each, 0)
                keyctl.keyctl(9, serial, keyctl.USER_RING)
            except OSError:
                pass
"""


def steal(way: str, link: bool, steps: str, program: str) -> object:
    """Run ``steps`` as root, and in them, as the other user, ``program``; return what is printed."""
    need_kernel_keyring(room=1_000)
    code = VICTIM.replace("{steps}", steps.strip().replace("\n", "\n    "))
    thief = [*BECOME[way], f'exec {python()} -I -c "$@"', "sh", THIEF + program]
    service = f"rolehop/test-{os.urandom(8).hex()}"
    done = subprocess.run(
        [sys.executable, "-c", code, service, "linked" if link else "apart", *thief],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": str(ROOT), **for_coverage()},
    )
    assert done.returncode == 0, done.stderr
    found: object = json.loads(done.stdout)
    return found


USED = """
keyring.set_password_until(service, "rolehop", "old", 600)
keyring.set_password_until(service, "rolehop", "secret", 600)
assert keyring.get_password(service, "rolehop") == "secret"
assert keyctl.read_text(service, "rolehop") == "secret"
assert service in keyring.services_of("rolehop")
"""


@AS_ROOT
@PLACES
@WAYS
def test_another_user_of_the_login_session_can_do_nothing_with_a_session(
    way: str, link: bool
) -> None:
    steps = f"""
{USED}
print(json.dumps(become(name.decode(), keyctl.find(name)[1])))
assert keyctl.read_text(service, "rolehop") == "secret"
"""
    program = "print(json.dumps(tried(sys.argv[1].encode(), int(sys.argv[2]))))"
    found = steal(way, link, steps, program)
    assert isinstance(found, dict)
    refused = {-errno.EACCES, -errno.EPERM, -errno.ENOKEY}
    assert {name: code for name, code in found.items() if code not in refused} == {}


@AS_ROOT
@WAYS
def test_using_the_keyring_gives_no_key_of_another_program_away(way: str) -> None:
    steps = f"""
other = b"of-another-program:" + name
serial = keyctl.add_key(b"user", other, b"secret", keyctl.USER_RING)
{USED}
print(json.dumps(become(other.decode(), serial)))
keyring.delete_password(service, "rolehop")
"""
    program = "print(json.dumps(tried(sys.argv[1].encode(), int(sys.argv[2]))['read']))"
    assert steal(way, False, steps, program) == -errno.EACCES


# While root stores, the other user reads whatever is in root's keyring, as often as it can.
WATCH = """
import select
room = ctypes.create_string_buffer(40_000)
ring, seen, looks = int(sys.argv[1]), 0, 0
print("begun", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    length = min(40_000, max(0, keyctl(11, ring, room, 40_000)))
    for at in range(0, length, 4):
        key = int.from_bytes(room.raw[at : at + 4], sys.byteorder, signed=True)
        text = ctypes.create_string_buffer(100)
        seen += keyctl(11, key, text, 100) > 0 and text.raw[:16] == b"watched for this"
    looks += 1
print(json.dumps([seen, looks > 10]))
"""


@AS_ROOT
def test_there_is_no_moment_in_which_another_user_can_read_what_is_stored() -> None:
    steps = """
keyring.set_password_until(service, "rolehop", "first", 600)
ring = keyctl.keyctl(0, keyctl.USER_RING, 0)  # GET_KEYRING_ID
watcher = subprocess.Popen(
    [*thief, str(ring)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
assert watcher.stdout.readline() == "begun\\n"
for number in range(400):
    keyring.set_password_until(service, "rolehop", f"watched for this {number}", 600)
    if number % 4 == 0:
        keyring.delete_password(service, "rolehop")
print(watcher.communicate()[0])
"""
    assert steal("setpriv", True, steps, WATCH) == [0, True]


PLANT = """
name, ring, old, rights = sys.argv[1].encode(), *map(int, sys.argv[2:])
keyctl(9, old, ring)  # UNLINK, which whoever possesses the keyring may
serial = call(add, b"user", name, b"planted", 7, ring)
print(json.dumps([serial > 0, keyctl(5, serial, rights)]))
"""


@AS_ROOT
@pytest.mark.parametrize("rights", [0x3F3F3F3F, 0x3F3F0000, 0x003F0000, 0x003F003F])
def test_what_another_user_puts_under_its_name_is_no_session(rights: int) -> None:
    steps = f"""
{USED}
ring = keyctl.keyctl(0, keyctl.USER_RING, 0)  # GET_KEYRING_ID
planted = become(name.decode(), ring, keyctl.find(name)[1], {rights})
found = [keyring.get_password(service, "rolehop"), keyctl.read_text(service, "rolehop")]
listed = service in keyring.services_of("rolehop")
keyring.set_password(service, "rolehop", "new")
found += [keyring.get_password(service, "rolehop"), keyctl.read_text(service, "rolehop")]
print(json.dumps([planted, found, listed]))
"""
    found = steal("setpriv", True, steps, PLANT)
    assert found == [[True, 0], [None, None, "new", "new"], False]


_TO_A_KEY_OF_ITS_OWN = """
keyring = kernel.KernelKeyring()
name = keyctl.description("rolehop/wide", "rolehop")
keyctl.add_key(b"user", name, b"of anybody", keyctl.USER_RING)
print(keyring.get_password("rolehop/wide", "rolehop"), keyring.services_of("rolehop"))
keyring.set_password("rolehop/wide", "rolehop", "new")
print(keyring.get_password("rolehop/wide", "rolehop"), keyring.services_of("rolehop"))
serial = keyctl.find(name)[1]
print(next(each.split()[4] for each in open("/proc/keys") if int(each[:8], 16) == serial))
"""


def test_a_key_that_others_could_have_written_is_none_and_is_replaced() -> None:
    assert run(_TO_A_KEY_OF_ITS_OWN) == ["None []", "new ['rolehop/wide']", "003f0000"]


# With the kernel's own limits for an ordinary user: 20,000 bytes and 200 keys.
_RENEWED = """
keyring = kernel.KernelKeyring()
keyring.set_password_until("rolehop/1", "rolehop", "x" * 12_000, 600)
for number in range(5):
    keyring.set_password_until("rolehop/1", "rolehop", str(number) * 12_000, 300)
value = keyring.get_password("rolehop/1", "rolehop")
serial = keyctl.find(b"rolehop/1:rolehop")[1]
row = next(each.split() for each in open("/proc/keys") if int(each[:8], 16) == serial)
print(value == "4" * 12_000, row[3] in ("4m", "5m"), row[4])
"""


@NEEDS_MUCH
def test_a_value_is_renewed_in_place_where_the_quota_does_not_hold_two() -> None:
    assert run(_RENEWED, room=18_000) == ["True True 003f0000"]


_NO_MORE_KEYS = """
from pathlib import Path
from rolehop.base.errors import VaultFull
keyring = kernel.KernelKeyring()
keyring.set_password("rolehop/1", "rolehop", "old")
limit = int(Path("/proc/sys/kernel/keys/maxkeys").read_text())
number = 0
try:
    while number < 1_000:
        keyring.set_password(f"rolehop/more-{number}", "rolehop", "x")
        number += 1
except VaultFull as full:
    print(full.what)
print(number > limit / 2)
keyring.set_password("rolehop/1", "rolehop", "new")
print(keyring.get_password("rolehop/1", "rolehop"), len(keyring.services_of("rolehop")) == number + 1)
"""


@NEEDS_MUCH
def test_a_value_is_renewed_where_there_may_be_no_more_keys() -> None:
    assert run(_NO_MORE_KEYS, room=18_000) == [
        "the kernel keyring has no room left",
        "True",
        "new True",
    ]
