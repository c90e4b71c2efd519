"""What the Python API asks, and whom: nobody, or the program's own function."""

from __future__ import annotations

import pytest

from tests.api.programs import lengthen_sessions, printed, printed_around, shorten_sessions
from tests.support.world import CONFIG, HUB, MFA_SERIAL, World

CONFIRM = CONFIG.replace(
    "[chains.admin]\n", '[chains.admin]\nconfirm = true\nreason = "required"\n'
)


def test_a_program_is_never_surprised_by_a_question(world: World) -> None:
    world.config(CONFIRM)
    code = """
        import rolehop
        try:
            rolehop.get_credentials("admin")
        except rolehop.NoTerminal as error:
            print(error.exit_code, error.what, error.cause, error.fix, sep="; ")
        """
    line = (
        "8; a confirmation is needed, and there is no prompt to ask with; "
        "chain 'admin' has confirm = true; pass prompt=input"
    )
    assert printed(world, code) == [line]
    assert world.sts.roles_called == []


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("lambda question: None", "prompt returned NoneType, not text"),
        (
            "lambda question: 'y' if 'y/N' in question else ''",
            "a reason is needed, and prompt does",
        ),
        (
            "lambda question: 'y' if 'y/N' in question else '\u2800 --'",
            "a reason is needed, and prompt does",
        ),
    ],
)
def test_a_prompt_that_answers_nothing_useful_is_not_asked_forever(
    world: World, prompt: str, said: str
) -> None:
    world.config(CONFIRM)
    code = f"""
        import rolehop
        try:
            rolehop.get_credentials("admin", prompt={prompt})
        except rolehop.UsageError as error:
            print(error)
        """
    assert said in printed(world, code)[0]


def test_a_prompt_that_gives_no_mfa_code_is_not_asked_forever(world: World) -> None:
    mfa = f'type = "environment"\nmfa_serial = "{MFA_SERIAL}"\n'
    world.config(CONFIG.replace('type = "environment"\n', mfa))
    code = """
        import rolehop
        try:
            rolehop.get_credentials("hub", prompt=lambda question: "y")
        except rolehop.UsageError as error:
            print(error)
        """
    said = printed(world, code)
    assert said[0] == "an MFA code is needed, and prompt does not give one"


def test_a_callable_is_asked(world: World) -> None:
    world.config(CONFIRM)
    lines = printed(
        world,
        """
        import rolehop
        def prompt(question):
            print(question)
            return "yes" if "[y/N]" in question else "because"
        rolehop.get_credentials("admin", prompt=prompt)
        """,
    )
    assert [line.split(" ")[0] for line in lines] == ["admin", "admin:"]
    assert world.sts.calls[-1].params["RoleSessionName"] == "me+because"


def test_a_session_is_confirmed_once_and_renewed_unasked(world: World) -> None:
    shorten_sessions(world)
    world.config(CONFIG.replace("[chains.hub]\n", "[chains.hub]\nconfirm = true\n"))
    lines = printed_around(
        world,
        """
        import time
        import rolehop
        asked = []
        session = rolehop.session("hub", prompt=lambda question: asked.append(question) or "y")
        assert asked == []
        credentials = session.get_credentials()
        first = credentials.get_frozen_credentials().access_key
        print("first", flush=True)
        input()
        while credentials.get_frozen_credentials().access_key == first:
            time.sleep(0.02)
        print(len(asked))
        """,
        lambda: lengthen_sessions(world),
    )
    assert lines == ["1"]
    assert world.sts.roles_called == [HUB, HUB]


def test_a_confirmation_that_is_declined(world: World) -> None:
    world.config(CONFIRM)
    code = """
        import rolehop
        try:
            rolehop.get_credentials("admin", prompt=lambda question: "no")
        except rolehop.Declined as error:
            print(error.exit_code)
        """
    assert printed(world, code) == ["130"]
