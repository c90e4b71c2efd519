"""A row for each command, and every way in which a run of it may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.planted.plant import SOURCES, Planted
from tests.support.world import CONFIG, HUB


@dataclass(frozen=True)
class Row:
    """One command; ``MINE`` in an argument is the folder with the programs of the test."""

    lines: tuple[str, ...]
    """What follows ``rolehop``, a blank between two arguments; each is run."""
    code: int = 0
    """The exit code of the last line, if nothing fails; that of the others is 0."""
    calls: bool = False
    """True if it asks AWS, so that AWS may fail it."""
    prints: str = ""
    """What else than a session it is asked for by name: the name of a secret begins so."""
    asks_all: bool = False
    """True if it asks each service that there is."""
    fails: bool = True
    """False for one that is too slow to be run in every failure."""


def _quiet(*lines: str, code: int = 0) -> Row:
    return Row(lines, code)


def _asks(*lines: str, code: int = 0, prints: str = "") -> Row:
    return Row(lines, code, calls=True, prints=prints)


ROWS: Mapping[str, Row] = {
    "assume": _asks("assume admin --shell sh"),
    "leave": _quiet("leave --shell sh"),
    "export": _asks(
        "export admin --format json", "export admin --format dotenv", "export narrow --format json"
    ),
    "exec": _asks("exec admin -- MINE/child", "exec narrow -- MINE/child"),
    "each": _asks("each spokes/* --output json -- MINE/child"),
    "shell": _asks("shell admin --shell MINE/child"),
    "serve": Row(
        ("serve stored --print-env --idle-timeout 1s",),
        calls=True,
        prints="server's token",
        fails=False,
    ),
    "console": _asks("console stored --print", prints="token"),
    "credential-process": Row(
        tuple(f"credential-process {each}" for each in SOURCES), 5, calls=True, asks_all=True
    ),
    "refresh": _asks("refresh stored"),
    "list": _quiet("list", "list --format json"),
    "show": _quiet("show admin"),
    "plan": _quiet("plan admin -v", "plan anywhere --format json"),
    "graph": _quiet("graph --format dot"),
    "routes": _quiet(f"routes {HUB}"),
    "explain": _quiet("explain admin"),
    "check": _quiet("check"),
    "status": _quiet("status -v"),
    "history": _quiet("history -v", "history --format csv"),
    "history match": _quiet("history match /dev/null", code=2),
    "whoami": _asks("whoami admin --format json", "whoami narrow"),
    "doctor": _asks("doctor --format json"),
    "logout": _quiet("logout --all"),
    "config": _quiet("config", code=2),
    "config init": _quiet("config init", code=2),
    "config import": _quiet("config import"),
    "config check": _quiet("config check"),
    "config path": _quiet("config path"),
    "config reference": _quiet("config reference"),
    "keys": _quiet("keys", code=2),
    "keys add": _asks("keys add other --from-env", "keys add --from-profile stored --yes"),
    "keys list": _quiet("keys list --format json"),
    "keys remove": _quiet("keys remove stored --yes"),
    "keys rotate": _asks("keys rotate stored"),
    "profile": _quiet("profile", code=2),
    "profile install": _asks(
        "profile install --yes --credentials-file", "profile install --yes --take-over stored"
    ),
    "profile remove": _quiet("profile remove --yes"),
    "profile list": _quiet("profile list"),
    "source": _quiet("source", code=2),
    "source list": _quiet("source list --format json"),
    "source test": _asks("source test stored", "source test sso"),
    "source login": _asks("source login sso", "source login login"),
    "source logout": _asks("source logout sso", "source logout login"),
    "fleet": _quiet("fleet", code=2),
    "fleet list": _quiet("fleet list"),
    "fleet refresh": _asks("fleet refresh"),
    "init": _quiet("init bash"),
    "completion": _quiet("completion bash"),
    "demo": Row(("demo",), fails=False),
    "uninstall": _quiet("uninstall --yes"),
    "guide": _quiet("guide security"),
    "help": _quiet("help"),
}


@dataclass(frozen=True)
class Failure:
    """What goes wrong: the world is arranged for it, which may return variables."""

    arrange: Callable[[Planted], Mapping[str, str | None] | None] = lambda planted: None
    conditions: Mapping[str, object] = field(default_factory=dict)
    of_aws: bool = False
    hangs: bool = False
    """True if each run waits for its end: only those that ask everybody are run."""
    is_early: bool = False
    """True if it comes before all that makes lines of one command differ."""


_ONCE = {"AWS_MAX_ATTEMPTS": "1"}
_ENDPOINTS = tuple(
    f"AWS_ENDPOINT_URL_{service}"
    for service in ("STS", "SSO", "SSO_OIDC", "SIGNIN", "ROLESANYWHERE")
)


def _no_answer(planted: Planted) -> Mapping[str, str | None]:
    planted.world.sts.drop(1000)
    return _ONCE


def _silence(planted: Planted) -> Mapping[str, str | None]:
    """Let everybody who is asked take the call and never answer it."""
    url = planted.silent_url
    return dict.fromkeys(_ENDPOINTS, url) | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/role",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/request",
    }


def _garbage(planted: Planted) -> Mapping[str, str | None]:
    """Let AWS answer with a page that holds all that there is: none of it may be quoted."""
    everything = "\n".join(planted.secrets().values())
    planted.world.sts.say(f"<html>{everything}</html>".encode(), 1000)
    url = planted.world.sts.url
    others = [name for name in _ENDPOINTS if name != "AWS_ENDPOINT_URL_STS"]
    return dict.fromkeys(others, url) | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/role",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/request",
    }


def _locked(planted: Planted) -> Mapping[str, str | None]:
    return {"PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.Locked"}


def _proxied(planted: Planted) -> Mapping[str, str | None]:
    return {"NO_PROXY": None, **_ONCE}  # at its port, nobody listens


FAILURES: Mapping[str, Failure] = {
    "success": Failure(),
    "refused": Failure(lambda planted: planted.refuse(), of_aws=True),
    "no answer": Failure(_no_answer, of_aws=True),
    "silence": Failure(_silence, {"seconds": 0.4}, of_aws=True, hangs=True),
    "no proxy": Failure(_proxied, of_aws=True),
    "garbage": Failure(_garbage, of_aws=True),
    "keyring locked": Failure(_locked),
    "disk full": Failure(conditions={"file_size": 0}),
    "Ctrl-C": Failure(conditions={"signal_at_step": ["SIGINT", 30]}),
    "bad config": Failure(lambda planted: planted.world.config(f"{CONFIG}\n[["), is_early=True),
}
