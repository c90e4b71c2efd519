"""How a shell is started so that its prompt shows the chain, on top of the user's own start-up files.

bash is told to read another file than ``~/.bashrc``, zsh to look for its files in another folder,
fish to run one more command; each of these first does what would have been done without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rolehop.handover.environment import Change
from rolehop.shells import fish, posix
from rolehop.startup.dataclass import dataclass, field

_INIT_HERE = "@INIT@"
_FOLDER_HERE = "@FOLDER@"


@dataclass(frozen=True, slots=True)
class Start:
    """One way to start a shell."""

    arguments: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    """Of its environment, beside the session."""

    files: Mapping[str, str] = field(default_factory=dict)
    """What must be in the folder then, by name."""


def marked_start(
    shell: str, folder: Path, init_text: str, environ: Mapping[str, str]
) -> Start | None:
    """Return how ``shell`` (a dialect) is started with a mark in its prompt; ``None``: it cannot be.

    ``folder`` is where the files will be; ``init_text`` is what ``rolehop init`` prints.
    """
    way = _WAYS.get(shell)
    return None if way is None else way(folder, init_text, environ)


def _bash(folder: Path, init_text: str, environ: Mapping[str, str]) -> Start:
    files = {
        "init.bash": init_text,
        "rc.bash": _template("subshell.bash", init=posix.quote(str(folder / "init.bash"))),
    }
    return Start(("--rcfile", str(folder / "rc.bash")), files=files)


def _zsh(folder: Path, init_text: str, environ: Mapping[str, str]) -> Start:
    own = folder / "zsh"
    texts = {
        "init": posix.quote(str(own / "init.zsh")),
        "folder": posix.quote(str(own)),
    }
    files = {
        "zsh/init.zsh": init_text,
        "zsh/.zshenv": _template("subshell.zshenv", **texts),
        "zsh/.zshrc": _template("subshell.zshrc", **texts),
    }
    changes = (("ROLEHOP_ZDOTDIR", environ.get("ZDOTDIR")), ("ZDOTDIR", str(own)))
    return Start(changes=changes, files=files)


def _fish(folder: Path, init_text: str, environ: Mapping[str, str]) -> Start:
    files = {
        "init.fish": init_text,
        "rc.fish": _template("subshell.fish", init=fish.quote(str(folder / "init.fish"))),
    }
    return Start(("-C", f"source {fish.quote(str(folder / 'rc.fish'))}"), files=files)


def _template(name: str, *, init: str, folder: str = "") -> str:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return text.replace(_INIT_HERE, init).replace(_FOLDER_HERE, folder)


_WAYS: dict[str, Callable[[Path, str, Mapping[str, str]], Start]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
