"""The browser, profile or container in which a chain's console opens, as the arguments of a program.

Addresses are percent-encoded and no shell reads the arguments. The container addresses are those of
two Firefox add-ons: "Open external links in a container", and Granted's.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from rolehop.errors import UsageError
from rolehop.startup.dataclass import dataclass

_SCHEMES = {"true": "ext+container", "granted": "ext+granted-containers"}
_ADD_ONS = {"true": '"Open external links in a container"', "granted": "Granted's"}

# Names that Linux distributions and the makers' own packages give the program.
_LINUX = {
    "firefox": ("firefox", "firefox-esr"),
    "chrome": ("google-chrome", "google-chrome-stable"),
    "chromium": ("chromium", "chromium-browser"),
    "edge": ("microsoft-edge", "microsoft-edge-stable"),
    "brave": ("brave-browser", "brave"),
}
_MACOS = {
    "firefox": "Firefox.app/Contents/MacOS/firefox",
    "chrome": "Google Chrome.app/Contents/MacOS/Google Chrome",
    "chromium": "Chromium.app/Contents/MacOS/Chromium",
    "edge": "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "brave": "Brave Browser.app/Contents/MacOS/Brave Browser",
}
_WINDOWS = {
    "firefox": r"Mozilla Firefox\firefox.exe",
    "chrome": r"Google\Chrome\Application\chrome.exe",
    "chromium": r"Chromium\Application\chrome.exe",
    "edge": r"Microsoft\Edge\Application\msedge.exe",
    "brave": r"BraveSoftware\Brave-Browser\Application\brave.exe",
}
_WINDOWS_FOLDERS = ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA")

# From the colours of chains to those of Firefox's containers.
_COLORS = {
    "red": "red",
    "green": "green",
    "yellow": "yellow",
    "blue": "blue",
    "magenta": "purple",
    "cyan": "turquoise",
    "white": "toolbar",
    "bright_yellow": "orange",
    "bright_magenta": "pink",
}


@dataclass(frozen=True, slots=True)
class BrowserWindow:
    """Where a chain's console opens."""

    browser: str
    """One of `rolehop.config.model.BROWSERS`."""

    chain: str
    profile: str | None = None
    """The directory of the profile; not of Firefox."""

    container: str | None = None
    """``true`` or ``granted``: the add-on that opens a container of Firefox."""

    color: str | None = None
    """The chain's."""

    @property
    def needs(self) -> str | None:
        """What must be in the browser, which is not seen from here: it opens nothing without."""
        if self.container is None:
            return None
        return f"a container needs Firefox's add-on {_ADD_ONS[self.container]}"

    def commands(
        self, url: str, environ: Mapping[str, str], platform: str
    ) -> tuple[tuple[str, ...], ...]:
        """Return the commands that may open ``url`` there, the best first."""
        arguments = self._arguments(url)
        return tuple(
            (program, *arguments) for program in _programs(self.browser, environ, platform)
        )

    def _arguments(self, url: str) -> tuple[str, ...]:
        if self.container is not None:
            return (self._in_container(_SCHEMES[self.container], url),)
        if self.profile is not None:
            # It names one folder: a fleet's chain has a slash, and ".." is where all profiles are. No
            # chain has a comma: "a/b" shares no profile with "a-b".
            folder = self.profile.replace("/", ",").replace("\\", ",")
            if not folder.strip("."):
                folder = folder.replace(".", "-")
            return (f"--profile-directory={folder}", url)
        return (url,)

    def _in_container(self, scheme: str, url: str) -> str:
        color = self.color or "blue"
        found = _COLORS.get(color) or _COLORS[color.removeprefix("bright_")]
        name, address = quote(self.chain, safe=""), quote(url, safe="")
        return f"{scheme}:name={name}&url={address}&color={found}&icon=fingerprint"


def window_for(
    chain: str,
    color: str | None,
    *,
    browser: str | None,
    profile: str | None,
    container: str | None,
    asked_browser: str | None = None,
    asked_container: bool = False,
) -> BrowserWindow | None:
    """Return where a chain's console opens; ``None``: in the system's browser.

    ``browser``, ``profile`` (filled in) and ``container`` are the config's. What is asked for beats
    them: another browser than the config's leaves out what is not its own.

    Raises:
        UsageError: a container is asked for in another browser than Firefox.
    """
    if asked_container:
        if asked_browser not in (None, "firefox"):
            raise UsageError("only Firefox has containers", fix="leave --container out")
        return BrowserWindow("firefox", chain, container=container or "true", color=color)
    if asked_browser is None and container is not None:
        return BrowserWindow("firefox", chain, container=container, color=color)
    chosen = asked_browser or browser
    if chosen is None:
        return None
    if chosen == "firefox":
        return BrowserWindow(chosen, chain, container=container, color=color)
    return BrowserWindow(chosen, chain, profile=profile)


def _programs(browser: str, environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    if platform == "darwin":
        return (f"/Applications/{_MACOS[browser]}",)
    if platform == "win32":
        folders = [environ[name] for name in _WINDOWS_FOLDERS if environ.get(name)]
        return tuple(f"{folder}\\{_WINDOWS[browser]}" for folder in folders)
    return _LINUX[browser]
