"""The application layer as a program uses it: it asks whom it was given, and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rolehop.app.asking import SILENT
from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import explain_chain
from rolehop.app.planning import Planning
from rolehop.app.ports import Unseen
from rolehop.app.proof import UNASKED
from rolehop.app.walking import session_for_handover, session_of_chain
from rolehop.base.errors import Declined, NoTerminal
from rolehop.plan.walk_options import WalkOptions
from tests.support.world import ADMIN, CONFIG, HUB, World, temporary_world

GUARDED = CONFIG.replace('region = "eu-west-1"\n', 'confirm = true\nreason = "required"\n')
LIMIT = "arn:aws:iam::333333333333:policy/Limit"


class Answers(Unseen):
    """Somebody who answers questions in their order."""

    can_ask = True

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    @contextmanager
    def countdown(self, text: str) -> Iterator[Callable[[int], None]]:
        yield lambda seconds: None


@pytest.fixture
def make_app(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., App]:
    # The keyring double reads these itself.
    for name in ("ROLEHOP_TEST_KEYRING", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.setenv(name, world.environ[name])

    def make(**ports: Any) -> App:
        return App(world.environ, world.home, **ports)

    return make


def test_a_walk_prints_nothing(
    world: World, make_app: Callable[..., App], capfd: pytest.CaptureFixture[str]
) -> None:
    _, session = session_of_chain(make_app(), "admin", WalkOptions(duration=7200), UNASKED)
    assert session.arn == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert world.sts.roles_called == [HUB, ADMIN]
    assert capfd.readouterr() == ("", "")


def test_notes_go_to_whoever_listens(world: World, make_app: Callable[..., App]) -> None:
    notes: list[str] = []
    app = make_app(notify=notes.append)
    session_for_handover(app, "admin", WalkOptions(duration=7200), SILENT, command="exec")
    assert notes == ["hop 2: 2 h asked, 1 h planned: a chained hop lasts at most 1 h"]


def test_without_anybody_to_ask_a_question_is_an_error(
    world: World, make_app: Callable[..., App]
) -> None:
    world.config(GUARDED)
    with pytest.raises(NoTerminal) as caught:
        session_for_handover(make_app(), "admin", WalkOptions(), SILENT, command="exec")
    assert caught.value.exit_code == 8
    assert caught.value.chain == "admin"
    assert world.sts.roles_called == []


def test_the_person_confirms_and_gives_the_reason(
    world: World, make_app: Callable[..., App]
) -> None:
    world.config(GUARDED)
    person = Answers("y", "", "ticket 7")
    handed = session_for_handover(
        make_app(person=person), "admin", WalkOptions(), SILENT, command="exec"
    )
    assert handed.session.arn.endswith("assumed-role/Admin/me+ticket-7")
    assert len(person.asked) == 3


def test_a_person_who_does_not_say_yes_stops_the_walk(
    world: World, make_app: Callable[..., App]
) -> None:
    world.config(GUARDED)
    with pytest.raises(Declined):
        session_for_handover(
            make_app(person=Answers("no")), "admin", WalkOptions(), SILENT, command="exec"
        )
    assert world.sts.roles_called == []


def test_no_prompt_asks_nothing(world: World, make_app: Callable[..., App]) -> None:
    world.config(GUARDED)
    person = Answers("y")
    with pytest.raises(NoTerminal):
        session_for_handover(
            make_app(person=person), "admin", WalkOptions(no_prompt=True), SILENT, command="exec"
        )
    assert person.asked == []


def test_flags_are_part_of_the_plan_that_is_explained(
    world: World, make_app: Callable[..., App]
) -> None:
    """With the session that was made with the flag, its policy is read from IAM."""
    app, flags = make_app(), WalkOptions(policy_arns=(LIMIT,))
    session_of_chain(app, "admin", flags, UNASKED)
    explain_chain(app, "admin", PolicyOptions(), flags, offline=False)
    assert ("GetPolicy", LIMIT) in {
        (call.action, call.params.get("PolicyArn")) for call in world.sts.calls
    }


def test_a_list_looks_into_the_keyring_once_for_all_chains_of_a_source() -> None:
    with temporary_world("tests.doubles.keyrings.Counted") as world:
        for chain in ("admin", "spokes/444444444444"):
            assert world.rolehop("credential-process", chain).code == 0
        (world.vault / "looks").unlink()
        world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
        assert len(world.rolehop("list", "--format", "json").json["chains"]) == 5
        assert len((world.vault / "looks").read_text().splitlines()) == 1


def test_a_list_without_stored_sessions_opens_no_keyring() -> None:
    with temporary_world("tests.doubles.keyrings.Counted") as world:
        world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
        assert len(world.rolehop("list", "--format", "json").json["chains"]) == 5
        assert not (world.vault / "looks").exists()


def test_only_another_kind_of_session_has_another_key(world: World) -> None:
    """Region, FIPS and dual-stack are ways to the same sessions; the global endpoint's differ.

    The global endpoint is meant by the region ``aws-global``, and by ``legacy`` in old regions only.
    """

    def key(**env: str) -> str:
        return Planning(App({**world.environ, **at_aws, **env}, world.home)).plan("hub").key

    at_aws = dict.fromkeys(world.sts.environ, "")
    usual = key()
    for same in (
        {"AWS_REGION": "us-east-1"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_STS_REGIONAL_ENDPOINTS": "regional"},
        {"AWS_STS_REGIONAL_ENDPOINTS": "legacy", "AWS_REGION": "me-south-1"},
    ):
        assert key(**same) == usual
    world.aws_config("[profile old]\nsts_regional_endpoints = legacy\n")
    apart = {key(AWS_STS_REGIONAL_ENDPOINTS="legacy"), key(AWS_PROFILE="old")}
    apart |= {key(AWS_REGION="aws-global")}
    apart |= {key(AWS_ENDPOINT_URL_STS=url) for url in ("https://sts.example", "https://sts.other")}
    assert len(apart) == 3
    assert usual not in apart
