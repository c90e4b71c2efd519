"""Every way a walk can fail that a test can cause: its setup, exit code and messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, World

Env = Mapping[str, str | None]
WITH_KEYS = CONFIG.replace('type = "environment"', 'type = "keys"')
HUB_LINE = f'hops = [{{ role = "{HUB}" }}]'


@dataclass(frozen=True)
class Failure:
    """One failure. ``arrange`` prepares a world and may return changes to the environment."""

    name: str
    code: int
    words: tuple[str, ...]
    arrange: Callable[[World], Env | None] = lambda world: None
    chain: str = "admin"
    calls: int | None = None
    """How many calls reach STS; ``None``: not checked."""

    codes: tuple[str, ...] = ()
    """MFA codes that it uses."""

    def __str__(self) -> str:
        return self.name


def _config(change: Callable[[str], str]) -> Callable[[World], None]:
    return lambda world: world.config(change(CONFIG))


def _of_hub(lines: str) -> Callable[[World], None]:
    """Give hop 1 more keys."""
    return _config(
        lambda text: text.replace(HUB_LINE, f'[[chains.hub.hops]]\nrole = "{HUB}"\n{lines}')
    )


def _own_session(world: World) -> Env:
    session = world.sts.world.issue(
        600, account="1", arn=world.alice.arn, user_id="x", user=world.alice
    )
    return {**session.environ, "ROLEHOP_CHAIN": "hub"}


def _expired(world: World) -> Env:
    return {
        **_own_session(world),
        "ROLEHOP_CHAIN": None,
        "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
    }


def _unknown_key(world: World) -> None:
    world.sts.world.keys.pop(world.alice.key.access_key_id)


def _wrong_secret(world: World) -> Env:
    other = world.sts.world.new_key(world.alice)
    return {"AWS_ACCESS_KEY_ID": world.alice.keys[0].access_key_id, **_secret(other.secret)}


def _secret(secret: str) -> Env:
    return {"AWS_SECRET_ACCESS_KEY": secret}


def _late_clock(world: World) -> None:
    world.sts.date_offset = timedelta(minutes=12, seconds=30)


def _early_clock(world: World) -> None:
    world.sts.date_offset = timedelta(hours=-1)


def _not_trusted(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[])


def _cached_parent(world: World) -> None:
    assert world.rolehop("credential-process", "hub").code == 0
    world.sts.calls.clear()
    _not_trusted(world)


def _region_disabled(world: World) -> None:
    world.sts.world.disabled_regions.add(("222222222222", "eu-west-1"))


def _nobody_listens(world: World) -> Env:
    return {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}  # discard: nobody listens there


def _throttled(world: World) -> None:
    world.sts.throttle(10)


def _down(world: World) -> None:
    world.sts.fail(10, status=503)


def _dropped(world: World) -> None:
    world.sts.drop(10)


def _nonsense(world: World) -> None:
    world.sts.say(b"<html>sign in to the hotel<br>")


def _keys_behind(backend: str) -> Callable[[World], Env]:
    """Store keys in a keyring that works, then replace it by one that does not."""

    def arrange(world: World) -> Env:
        assert world.rolehop("keys", "add", "me", "--from-env").code == 0
        world.config(WITH_KEYS)
        return {"PYTHON_KEYRING_BACKEND": backend, "AWS_ACCESS_KEY_ID": None}

    return arrange


def _without_keys(world: World) -> Env:
    world.config(WITH_KEYS)
    return {"AWS_ACCESS_KEY_ID": None}


def _mfa(world: World) -> None:
    world.config(CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1))


def _mfa_command(code: str) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        program = world.home / "code"
        program.write_text(f"#!/bin/sh\necho {code}\n")
        program.chmod(0o755)
        _mfa(world)
        text = world.config_file.read_text()
        world.config(text.replace("mfa_serial", f'mfa_command = ["{program}"]\nmfa_serial', 1))

    return arrange


def _others_file(world: World) -> None:
    world.config()
    world.config_file.chmod(0o666)


WRONG_CODE = f"{(datetime.now(UTC).microsecond + 1) % 1_000_000:06d}"
DOUBLES = "tests.doubles.keyrings"
# The config does not know all operators of IAM: this one does not exist.
MALFORMED = (
    '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*",'
    '"Condition":{"StringSame":{"aws:PrincipalTag/team":"red"}}}]}'
)

FAILURES = (
    Failure(
        "unknown-chain", 3, ("no chain or AWS profile is called 'admn'", "admin"), chain="admn"
    ),
    Failure(
        "broken-config",
        3,
        ("config.toml:6: sources.me.type", "config.toml:9: chains.own"),
        _config(
            lambda text: text.replace('"environment"', '"enviroment"').replace('"me"', '"you"')
        ),
        calls=0,
    ),
    Failure("no-toml", 3, ("config.toml",), _config(lambda text: text + "\n[["), calls=0),
    Failure("config-of-others", 3, ("everybody on this machine can write it",), _others_file),
    Failure(
        "no-credentials",
        4,
        ("AWS_ACCESS_KEY_ID is not set",),
        lambda world: {"AWS_ACCESS_KEY_ID": None},
        calls=0,
    ),
    Failure(
        "half-credentials", 4, ("not complete",), lambda world: {"AWS_SECRET_ACCESS_KEY": None}
    ),
    Failure("own-session", 4, ("session of chain 'hub'", "rolehop leave"), _own_session, calls=0),
    Failure("expired-session", 4, ("has expired", "is 2020-01-01T00:00:00Z"), _expired, calls=0),
    Failure(
        "another-principal",
        4,
        ("source 'me' is arn:aws:iam::111111111111:user/alice", "must be", "user/bob"),
        _config(
            lambda text: text.replace(
                '"environment"',
                '"environment"\nprincipal = "arn:aws:iam::111111111111:user/bob"',
                1,
            )
        ),
        calls=1,
    ),
    Failure("no-keys", 4, ("rolehop keys add me",), _without_keys, calls=0),
    Failure("mfa-command-fails", 4, ("mfa_command gave no code",), _mfa_command("no"), calls=0),
    Failure("unknown-key", 5, ("hop 1", "InvalidClientTokenId"), _unknown_key, calls=1),
    Failure(
        "wrong-secret", 5, ("SignatureDoesNotMatch", "does not belong"), _wrong_secret, calls=1
    ),
    Failure("late-clock", 5, ("your clock is 12 min", "behind"), _late_clock, calls=1),
    Failure("early-clock", 5, ("your clock is", "ahead of"), _early_clock, calls=1),
    Failure(
        "not-trusted",
        5,
        (
            "AWS refused hop 2 of admin, Admin in 333333333333",
            "the trust policy may not trust Hub, or a policy denies it; AWS says only AccessDenied",
        ),
        _not_trusted,
        calls=2,
    ),
    Failure(
        "cached-parent",
        5,
        ("the trust policy may not trust Hub, or a policy denies it",),
        _cached_parent,
        calls=1,
    ),
    Failure("region", 5, ("RegionDisabled", "--region us-east-1"), _region_disabled, calls=1),
    Failure(
        "malformed-policy",
        5,
        ("MalformedPolicyDocument", "correct the session policy"),
        _of_hub(f"policy = '{MALFORMED}'"),
        calls=1,
    ),
    Failure(
        "packed",
        5,
        ("PackedPolicyTooLarge", "of what fits", "fewer or shorter tags"),
        _of_hub("tags = {" + ", ".join(f'k{n} = "{"v" * 200}"' for n in range(40)) + "}"),
        calls=1,
    ),
    Failure(
        "wrong-mfa-code",
        5,
        ("AWS refused the MFA session of source 'me'", "the code is wrong"),
        _mfa_command(WRONG_CODE),
        calls=1,
        codes=(WRONG_CODE,),
    ),
    Failure("network", 6, ("cannot reach 127.0.0.1:9", "AWS_ENDPOINT_URL"), _nobody_listens),
    Failure("throttled", 6, ("is throttling AssumeRole", "3 attempts"), _throttled, calls=3),
    Failure("down", 6, ("failed at AssumeRole", "ServiceUnavailable"), _down, calls=3),
    Failure("dropped", 6, ("no answer from 127.0.0.1", "3 attempts"), _dropped, calls=3),
    Failure(
        "nonsense",
        6,
        ("a web page answered instead of 127.0.0.1", "in a browser"),
        _nonsense,
        calls=1,
    ),
    Failure(
        "locked",
        7,
        ("the keyring is locked", "unlock it"),
        _keys_behind(f"{DOUBLES}.Locked"),
        calls=0,
    ),
    Failure(
        "denied", 7, ("the keyring denies access",), _keys_behind(f"{DOUBLES}.Denied"), calls=0
    ),
    Failure("broken", 7, ("the keyring failed",), _keys_behind(f"{DOUBLES}.Broken"), calls=0),
    Failure(
        "hanging",
        7,
        ("the keyring does not answer", "did not end within 5 s"),
        _keys_behind(f"{DOUBLES}.Hanging"),
        calls=0,
    ),
    Failure(
        "no-keyring",
        7,
        ("there is no keyring", "name another: [vault] backend = "),
        _keys_behind("keyring.backends.null.Keyring"),
        calls=0,
    ),
    Failure(
        "no-such-keyring",
        7,
        ("the keyring no.such.Keyring cannot be used",),
        _keys_behind("no.such.Keyring"),
        calls=0,
    ),
    Failure(
        "no-terminal",
        8,
        ("needs an MFA code and nobody can be asked", "rolehop assume admin"),
        _mfa,
        calls=0,
    ),
)
