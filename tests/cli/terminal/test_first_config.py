"""``config init`` on a terminal and by options: from nothing to a shell that works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import join

import pytest

from rolehop.app.context import App
from rolehop.base.errors import UsageError
from rolehop.commands.config.init import questions
from rolehop.commands.config.init.options import InitFlags
from rolehop.commands.config.init.writing import draft_of_flags
from rolehop.terminal.picker import LineInput
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, HUB, SCRIPT, World, temporary_world
from tests.transcripts.session import Answer, Session

ENTER, BEGIN = "\r", "\x01"


@contextmanager
def world_with_profile() -> Iterator[World]:
    """Give a world with an AWS profile that has keys, and no config."""
    with temporary_world() as world:
        world.config_file.unlink()
        world.more = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
        world.more["AWS_EC2_METADATA_DISABLED"] = "true"  # whatever machine runs the tests
        key = world.alice.key
        world.aws_config("[profile work]\nregion = eu-west-1\n")
        world.aws_credentials(
            f"[work]\naws_access_key_id = {key.access_key_id}\n"
            f"aws_secret_access_key = {key.secret}\n"
        )
        yield world


@pytest.fixture
def bare() -> Iterator[World]:
    with world_with_profile() as world:
        yield world


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with world_with_profile() as world:
        yield App(world.environ, world.home)


def test_from_nothing_to_a_shell_in_three_questions_where_a_profile_is(bare: World) -> None:
    """One answer is wrong: it is answered at once, and only the digit that lacks is typed."""
    at = Session(bare, 80)
    answers: list[Answer] = [
        ("Where do you start?", ENTER),
        ("Role to assume?", f"22222222222:role/Hub{ENTER}"),
        ("! not a role", f"{BEGIN}2{ENTER}"),
        ("What now?", ENTER),
    ]
    at.types("config", "init", answers=answers)
    assert "Role to assume? 222222222222:role/Hub\n" in at.text
    who = "Hub works: you are arn:aws:sts::222222222222:assumed-role/Hub/"
    assert who in " ".join(at.text.split())
    assert at.text.rstrip().endswith("next:\n  rolehop shell Hub")
    done = bare.rolehop("shell", "Hub", "--shell", "printenv")
    assert done.code == 0, done.err
    assert "ROLEHOP_CHAIN=Hub" in done.out
    assert bare.sts.roles_called == [HUB]  # the try's session is used again


PARTNER = "arn:aws:iam::444444444444:role/Partner"


def again(number: int) -> re.Pattern[str]:
    """What is shown when the menu is there for the ``number``th time."""
    return re.compile("What now\\?.*" * number + "choices; type to narrow")


def test_after_a_refusal_nothing_is_lost_and_the_try_is_repeated(bare: World) -> None:
    bare.sts.world.role(PARTNER, trusts=[HUB], external_id="x-42")
    at = Session(bare, 80)
    answers: list[Answer] = [
        ("Where do you start?", f"work{ENTER}"),
        ("Role to assume?", f"{HUB}{ENTER}"),
        (again(1), f"another{ENTER}"),
        ("from Hub:", f"{PARTNER}{ENTER}"),
        (again(2), ENTER),
        (again(3), f"external{ENTER}"),
        ("External ID?", f"x-42{ENTER}"),
        (again(4), ENTER),
    ]
    at.types("config", "init", answers=answers)
    assert "hop 2 of 2" in at.text
    assert "hop 2   444444444444:role/Partner, lasts 1 h, external ID x-42" in at.text
    assert "Partner works: you are" in at.text
    assert "calling" not in at.text
    assert bare.sts.roles_called == [HUB, PARTNER, PARTNER]


def test_a_terminal_that_erases_nothing_is_asked_by_numbers(bare: World) -> None:
    at = Session(bare, 40)
    answers: list[Answer] = [
        ("a part of the name):", "1\n"),
        ("Role to assume?", "foo\n"),
        ("not a role", f"{HUB}\n"),
        ("Try it, and write it", "2\n"),
    ]
    at.types("config", "init", answers=answers, env={"TERM": "dumb"})
    assert bare.rolehop("list", "--format", "json").json["chains"][0]["name"] == "Hub"


@pytest.mark.parametrize(("answers", "key"), [("", "\x1b"), ("\r", "\x1b"), ("\r", "\x03")])
def test_leaving_writes_no_file_and_leaves_the_terminal_as_it_was(
    bare: World, answers: str, key: str
) -> None:
    with OnTerminal(bare, SCRIPT, "config", "init") as person:
        before = person.attributes()
        person.expect("Where do you start?")
        if answers:
            person.presses(answers)
            person.expect("Role to assume?")
        assert person.attributes() != before
        person.presses(key)
        done = person.ended()
        assert person.attributes() == before
    assert done.code == 130
    assert "rolehop: nothing was written" in done.err
    assert not bare.config_file.exists()


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_what_is_wrong_and_an_example_fit_the_window(columns: int) -> None:
    line = LineInput("Role?", hint=questions.ROLE_HINT, check=questions.role)
    assert line.accepted("arn:aws:iam::2222:role/Hub") is None
    text = "".join(part for _, part, *_ in line.below(columns))
    assert max(map(len, text.splitlines())) <= max(columns, 21)
    assert "! not a role" in " ".join(text.split())
    assert "222222222222:role/NAME" in "".join(text.split())
    line.changed(HUB)
    assert "!" not in "".join(part for _, part, *_ in line.below(columns))


# ---- without questions


def test_options_are_answers_too(bare: World) -> None:
    options = ("--profile", "work", "--role", HUB, "--role", ADMIN, "--name", "prod")
    line = join(["rolehop", "config", "init", *options, "--region", "eu-west-1"])
    done = bare.run("bash", "-c", f"{line}; exit $?")
    assert (done.code, done.out) == (0, ""), done.err
    assert "next: rolehop shell prod" in done.err
    assert 'add to ~/.bashrc: eval "$(rolehop init bash)"' in done.err
    assert bare.rolehop("credential-process", "prod").code == 0
    assert bare.sts.roles_called == [HUB, ADMIN]
    again = bare.rolehop("config", "init", *options)
    assert again.code == 2
    assert "a chain or fleet called 'prod' already exists" in again.err
    more = bare.rolehop("config", "init", "--profile", "work", "--role", PARTNER)
    assert (more.code, more.out) == (0, ""), more.err
    assert "next: rolehop shell Partner" in more.err
    names = [each["name"] for each in bare.rolehop("list", "--format", "json").json["chains"]]
    assert names == ["prod", "Partner"]
    assert bare.config_file.read_text().count("[sources.") == 1
    nothing = bare.rolehop("config", "init")
    assert nothing.code == 2
    assert "rolehop config import" in nothing.err


SSO = {"sso_start_url": "https://corp.awsapps.com/start/#/", "sso_region": "eu-west-1"}
SSO |= {"sso_account": "111111111111", "sso_role": "Developer"}


def test_options_for_every_start(app: App) -> None:
    found = [
        draft_of_flags(app, InitFlags(**flags)).source  # type: ignore[arg-type]
        for flags in ({"profile": "work"}, {"source": "keys", "mfa_serial": "auto"}, SSO)
    ]
    assert [(each.name, dict(each.settings)) for each in found] == [
        ("aws", {"type": "profile", "profile": "work"}),
        ("me", {"type": "keys", "mfa_serial": "auto"}),
        (
            "corp",
            {
                "type": "identity-center",
                "start_url": "https://corp.awsapps.com/start",
                "sso_region": "eu-west-1",
                "account": "111111111111",
                "role": "Developer",
            },
        ),
    ]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"region": "eu-west-1"}, "it is not said where to start"),
        ({"profile": "work", "source": "keys"}, "--profile and --source exclude each other"),
        ({"profile": "wrok"}, 'did you mean "work"'),
        ({"source": "keys", "role": ("foo",)}, "--role: not a role"),
        ({"source": "keys", "external_id": "x-42"}, "--external-id needs a --role"),
        ({"source": "keys", "role": (HUB,), "external_id": "x y"}, "--external-id: not an"),
        (
            {"source": "instance", "mfa_serial": "auto"},
            "does not go with a source of type instance",
        ),
        ({"source": "keys", "mfa_serial": "x"}, "--mfa-serial: not the ARN"),
        ({"source": "keys", "name": "my chain"}, "--name: not a name"),
        ({"source": "keys", "region": "mars"}, "--region: not a region"),
        ({**SSO, "sso_account": "11111111111"}, "--sso-account: not an account ID"),
        ({**SSO, "sso_start_url": "http://x.y/start"}, "--sso-start-url: not an https address"),
        ({"sso_start_url": "https://x.y"}, "--sso-region, --sso-account and --sso-role are"),
        ({"source": "keys", "sso_role": "Dev"}, "are missing"),
    ],
)
def test_an_option_that_is_wrong_is_named(
    app: App, flags: dict[str, str | tuple[str, ...]], words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        draft_of_flags(app, InitFlags(**flags))  # type: ignore[arg-type]
    assert words in raised.value.what
