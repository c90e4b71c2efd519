"""The exact arguments that open a console in a browser, a profile or a container."""

from __future__ import annotations

import pytest

from rolehop.base.errors import UsageError
from rolehop.commands.console.login import BrowserWindow, window_for
from rolehop.config.model import BROWSERS

PAGE = "http://127.0.0.1:4321/a-b_c"
ENCODED = "http%3A%2F%2F127.0.0.1%3A4321%2Fa-b_c"
FOLDERS = {"PROGRAMFILES": r"C:\Program Files", "LOCALAPPDATA": r"C:\Users\me\Local"}
MAC = "/Applications"


def commands(window: BrowserWindow, platform: str) -> list[list[str]]:
    return [list(each) for each in window.commands(window.address(PAGE), FOLDERS, platform)]


@pytest.mark.parametrize(
    ("browser", "platform", "programs"),
    [
        ("firefox", "linux", ["firefox", "firefox-esr"]),
        ("chrome", "linux", ["google-chrome", "google-chrome-stable"]),
        ("chromium", "linux", ["chromium", "chromium-browser"]),
        ("edge", "linux", ["microsoft-edge", "microsoft-edge-stable"]),
        ("brave", "linux", ["brave-browser", "brave"]),
        ("firefox", "darwin", [f"{MAC}/Firefox.app/Contents/MacOS/firefox"]),
        ("chrome", "darwin", [f"{MAC}/Google Chrome.app/Contents/MacOS/Google Chrome"]),
        ("chromium", "darwin", [f"{MAC}/Chromium.app/Contents/MacOS/Chromium"]),
        ("edge", "darwin", [f"{MAC}/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"]),
        ("brave", "darwin", [f"{MAC}/Brave Browser.app/Contents/MacOS/Brave Browser"]),
        ("firefox", "win32", [r"Mozilla Firefox\firefox.exe"]),
        ("chrome", "win32", [r"Google\Chrome\Application\chrome.exe"]),
        ("chromium", "win32", [r"Chromium\Application\chrome.exe"]),
        ("edge", "win32", [r"Microsoft\Edge\Application\msedge.exe"]),
        ("brave", "win32", [r"BraveSoftware\Brave-Browser\Application\brave.exe"]),
    ],
)
def test_the_program_on_each_platform(browser: str, platform: str, programs: list[str]) -> None:
    if platform == "win32":
        programs = [f"{folder}\\{programs[0]}" for folder in FOLDERS.values()]
    begins = [[program] for program in programs]
    if platform == "darwin":  # wherever it is
        name = programs[0].removeprefix(f"{MAC}/").partition(".app")[0]
        begins.append(["open", "-na", name, "--args"])
    found = commands(BrowserWindow(browser, "prod"), platform)
    assert found == [[*begin, PAGE] for begin in begins]
    if browser != "firefox":
        window = BrowserWindow(browser, "prod", profile='my "prod" \U0001f512')
        option = '--profile-directory=my "prod" \U0001f512'
        assert commands(window, platform) == [[*begin, option, PAGE] for begin in begins]


@pytest.mark.parametrize(
    ("chain", "color", "name_and_color"),
    [
        ("prod-admin", "red", ("prod-admin", "red")),
        ("spokes/444444444444", None, ("spokes%2F444444444444", "blue")),
        ('my "prod" & co', "magenta", ("my%20%22prod%22%20%26%20co", "purple")),
        ("\U0001f512'x", "bright_cyan", ("%F0%9F%94%92%27x", "turquoise")),
        ("a", "bright_yellow", ("a", "orange")),
        ("a", "bright_magenta", ("a", "pink")),
        ("a", "white", ("a", "toolbar")),
    ],
)
@pytest.mark.parametrize(
    ("container", "scheme"), [("true", "ext+container"), ("granted", "ext+granted-containers")]
)
def test_a_container_has_the_chains_name_and_color(
    chain: str, color: str | None, name_and_color: tuple[str, str], container: str, scheme: str
) -> None:
    window = BrowserWindow("firefox", chain, container=container, color=color)
    name, found = name_and_color
    address = f"{scheme}:name={name}&url={ENCODED}&color={found}&icon=fingerprint"
    assert commands(window, "linux") == [["firefox", address], ["firefox-esr", address]]
    assert [each[-1] for each in commands(window, "darwin")] == [address, address]
    assert [each[1:] for each in commands(window, "win32")] == [[address], [address]]


def test_a_container_needs_an_add_on() -> None:
    containers = {None: None, "true": "Open external links in a container", "granted": "Granted"}
    for container, add_on in containers.items():
        needs = BrowserWindow("firefox", "a", container=container).needs
        assert needs is None if add_on is None else add_on in (needs or "")


def test_a_profile_is_one_folder() -> None:
    for profile, folder in (("spokes/4\\..", "spokes,4,.."), ("..", "--"), ("a.b", "a.b")):
        window = BrowserWindow("edge", "a", profile=profile)
        assert commands(window, "linux")[0][1] == f"--profile-directory={folder}"


@pytest.mark.parametrize(
    ("config", "asked", "window"),
    [
        ((None, None, None), (None, False), None),
        ((None, None, None), ("edge", False), BrowserWindow("edge", "a")),
        (
            (None, None, None),
            (None, True),
            BrowserWindow("firefox", "a", container="true", color="red"),
        ),
        (
            (None, None, "granted"),
            (None, False),
            BrowserWindow("firefox", "a", container="granted", color="red"),
        ),
        (
            ("chrome", "p", None),
            (None, True),
            BrowserWindow("firefox", "a", container="true", color="red"),
        ),
        (("chrome", "p", None), (None, False), BrowserWindow("chrome", "a", profile="p")),
        (("chrome", "p", None), ("brave", False), BrowserWindow("brave", "a", profile="p")),
        (("chrome", "p", None), ("firefox", False), BrowserWindow("firefox", "a", color="red")),
        (("firefox", None, "true"), ("chrome", False), BrowserWindow("chrome", "a")),
    ],
)
def test_what_is_asked_for_beats_the_config(
    config: tuple[str | None, str | None, str | None],
    asked: tuple[str | None, bool],
    window: BrowserWindow | None,
) -> None:
    browser, profile, container = config
    found = window_for(
        "a",
        "red",
        browser=browser,
        profile=profile,
        container=container,
        asked_browser=asked[0],
        asked_container=asked[1],
    )
    assert found == window


@pytest.mark.parametrize("browser", [each for each in BROWSERS if each != "firefox"])
def test_only_firefox_has_containers(browser: str) -> None:
    with pytest.raises(UsageError):
        window_for(
            "a",
            None,
            browser=None,
            profile=None,
            container=None,
            asked_browser=browser,
            asked_container=True,
        )
