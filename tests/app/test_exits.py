"""Every way in which a session leaves rolehop, and what ``confirm`` and ``reason`` ask for there.

A new exit is a row of ``ASKS`` or of ``NEVER_ASKS``.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import rolehop
from rolehop.app.context import App
from rolehop.app.guard import ask
from rolehop.app.planning import Planning
from rolehop.app.ports import PromptedPerson
from rolehop.app.proof import Proof, check
from rolehop.base.errors import NoTerminal
from rolehop.plan.walk_options import WalkOptions
from tests.doubles.console import ConsoleDouble
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import found_in
from tests.support.world import CONFIG, HUB, SCRIPT, Done, World, temporary_world

_PLAIN = CONFIG.replace('type = "environment"', 'type = "profile"\nprofile = "alice"')
_CONFIRM, _REASON = "confirm = true\n", 'reason = "required"\n'
_SCOPE = "scope = { read_only = true }\n"
_ON = {"own": "[chains.admin]\n", "from": "[chains.hub]\n"}

GUARDS = {
    "confirm": (_CONFIRM, "own"),
    "reason": (_REASON, "own"),
    "both": (_CONFIRM + _REASON, "own"),
    "both, of the chain it continues": (_CONFIRM + _REASON, "from"),
    "both, with a scope": (_CONFIRM + _REASON + _SCOPE, "own"),
}

_SHOWS = ("--", "printenv", "AWS_SESSION_TOKEN")
_POINTS = ("--", "printenv", "AWS_CONTAINER_AUTHORIZATION_TOKEN")

ASKS = {
    "assume": ("assume", "admin"),
    **{
        f"export {style}": ("export", "admin", "--format", style)
        for style in ("env", "json", "dotenv", "ini", "docker-env")
    },
    "exec": ("exec", "admin", *_SHOWS),
    "exec --server": ("exec", "admin", "--server", *_POINTS),
    "shell": ("shell", "admin", "--shell", "env"),
    "shell --server": ("shell", "admin", "--server", "--shell", "env"),
    "console": ("console", "admin", "--print"),
    "each": ("each", "admin", *_SHOWS),
    "each --server": ("each", "admin", "--server", *_POINTS),
    "refresh --shell": ("refresh", "--shell", "bash"),
    "refresh PATTERN --shell": ("refresh", "admin", "hub", "--shell", "bash"),
    "serve": ("serve", "admin", "--print-env", "--idle-timeout", "1s"),
    "serve of many": ("serve", "hub", "admin", "--print-env", "--idle-timeout", "1s"),
    "whoami": ("whoami", "admin", "--format", "json"),
}
"""Those that ask at the terminal, by name; of a chain called admin."""

_FAILS = ("false\n", "")

NEVER_ASKS = {
    "credential-process": ("credential-process", "admin"),
    "credential-process --no-prompt": ("credential-process", "admin", "--no-prompt"),
}

PROGRAMS = {
    "get_credentials": 'rolehop.get_credentials("admin", **arguments)',
    "session": 'rolehop.session("admin", **arguments).get_credentials().get_frozen_credentials()',
}
"""Those of the Python API."""

_PROGRAM = """
import sys
import rolehop

def prompt(question):
    print(question)
    return {answer!r} if "[y/N]" in question else "an audit"

arguments = {arguments}
try:
    found = {call}
except rolehop.RolehopError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
print(getattr(found, "token", None) or found.credentials.session_token.reveal())
"""


@pytest.fixture(scope="module", params=GUARDS, ids=lambda name: name.replace(" ", "-"))
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[World, str]]:
    """A world with a guarded chain, whose session is stored already, and what guards it."""
    text, where = GUARDS[request.param]
    with temporary_world() as world, ConsoleDouble(world.sts) as console:
        world.more |= console.environ
        keys = {name.lower(): value for name, value in world.alice.environ.items()}
        world.aws_credentials("[alice]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()))
        # A shell that holds a session of the chain, or says so.
        world.more |= {"ROLEHOP_CHAIN": "admin", "AWS_ACCESS_KEY_ID": "ASIA" + "A" * 16}
        world.config(_PLAIN)
        for name in ("own", "hub", "admin"):
            assert world.rolehop("refresh", name).code == 0
        installed = world.rolehop("profile", "install", "--yes", "own")
        assert installed.code == 0, installed.err
        world.config(_PLAIN.replace(_ON[where], _ON[where] + text))
        yield world, text


def tokens(text: str, world: World) -> list[str]:
    """Return what of ``text`` is a secret: of a session, or a server's."""
    return [*found_in(text, world), *re.findall(r"(?m)^[\w-]{30,}$|TOKEN='?[\w-]{30,}", text)]


def answered(world: World, guards: str, answer: str, *command: str) -> Done:
    """Run a command on a terminal, and answer what it asks; everything must be asked just once."""
    with OnTerminal(world, *command) as person:
        if "confirm" in guards:
            person.expect("[y/N] ")
            person.types(answer)
        if "reason" in guards and answer == "y":
            person.expect("why do you need it?")
            person.types("an audit")
        done = person.ended()
        assert person.shown.count("[y/N]") == guards.count("confirm")
        return done


def calls_of_admin(world: World) -> int:
    return len([each for each in world.sts.roles_called if each != HUB])


@pytest.mark.parametrize("name", ASKS)
def test_an_exit_asks_on_a_terminal_and_hands_over_after_a_yes_alone(
    guarded: tuple[World, str], name: str
) -> None:
    (world, guards), command = guarded, ASKS[name]
    if name == "console" and _SCOPE in guards:  # nobody is asked: it opens for no such chain
        assert world.rolehop(*command).code == 3
        return
    if "confirm" in guards:
        calls = calls_of_admin(world)
        done = answered(world, guards, "n", SCRIPT, *command)
        assert (done.code, done.out in _FAILS) == (130, True), done
        assert calls_of_admin(world) == calls
    done = answered(world, guards, "y", SCRIPT, *command)
    assert done.code == 0, done.err
    assert tokens(done.out, world) or name in ("console", "whoami")
    if "reason" in guards:
        assert "an-audit" in str([each.params for each in world.sts.calls])


@pytest.mark.parametrize("name", ASKS)
def test_without_a_terminal_an_exit_hands_over_nothing_and_says_so_by_8(
    guarded: tuple[World, str], name: str
) -> None:
    (world, guards), command = guarded, ASKS[name]
    if name == "console" and _SCOPE in guards:  # nobody is asked: it opens for no such chain
        assert world.rolehop(*command).code == 3
        return
    calls = calls_of_admin(world)
    done = world.rolehop(*command)
    assert (done.code, done.out in _FAILS) == (8, True), done
    assert calls_of_admin(world) == calls
    asks = "confirm = true" if "confirm" in guards else 'reason = "required"'
    assert asks in done.err.replace("\\", "")  # in JSON
    typed = (command[0], "--reason", "nightly", *command[1:])
    assert world.rolehop(*typed).code == (8 if "confirm" in guards else 0)


@pytest.mark.parametrize("name", [*NEVER_ASKS, "an installed line"])
def test_an_exit_for_sdks_never_asks_and_hands_over_nothing(
    guarded: tuple[World, str], name: str
) -> None:
    world, guards = guarded
    command: tuple[str, ...] = (SCRIPT, *NEVER_ASKS.get(name, ()))
    if name not in NEVER_ASKS:
        (line,) = re.findall(r"(?m)^credential_process *= *(.*) own$", _aws_config(world))
        command = ("sh", "-c", f"exec {line} admin")
    calls = len(world.sts.calls)
    for done in (world.run(*command), answered(world, "", "", *command)):
        assert (done.code, done.out) == (8, ""), done
        assert "rolehop assume admin" in done.err
        assert ("confirm = true" if "confirm" in guards else 'reason = "required"') in done.err
    assert len(world.sts.calls) == calls


def test_no_line_and_no_unit_is_written_for_a_guarded_chain(guarded: tuple[World, str]) -> None:
    world, _ = guarded
    before = _aws_config(world)
    done = world.rolehop("profile", "install", "--yes", "admin")
    assert (done.code, "no profile was written" in done.err, _aws_config(world)) == (
        3,
        True,
        before,
    )
    done = world.rolehop("profile", "install", "--yes")
    assert "left out: " in done.err
    assert "admin" not in re.findall(r"(?m)^\[profile (.*)\]", _aws_config(world))
    for more in ((), ("--reason", "nightly")):
        done = world.rolehop("serve", "admin", "--unit", "systemd", *more)
        assert (done.code, done.out) == (3, ""), done.err


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gets_a_session_only_through_its_own_prompt(
    guarded: tuple[World, str], name: str
) -> None:
    world, guards = guarded

    def run(arguments: str, answer: str = "y") -> Done:
        code = _PROGRAM.format(call=PROGRAMS[name], arguments=arguments, answer=answer)
        return world.run(sys.executable, "-c", textwrap.dedent(code))

    done = run("{}")
    assert (done.code, done.out) == (8, ""), done.err
    done = run("{'prompt': prompt}")
    assert done.code == 0, done.err
    assert tokens(done.out, world)
    assert done.out.count("[y/N]") == guards.count("confirm")
    if "confirm" in guards:
        assert run("{'prompt': prompt}", "n").code == 130
    assert run("{'reason': 'nightly'}").code == (8 if "confirm" in guards else 0)


def test_refresh_without_shell_hands_nothing_over_so_it_asks_for_the_reason_alone(
    guarded: tuple[World, str],
) -> None:
    world, guards = guarded
    done = world.rolehop("refresh", "admin", "--reason", "nightly")
    assert (done.code, done.out) == (0, ""), done.err
    assert world.rolehop("refresh", "admin").code == (8 if "reason" in guards else 0)
    done = world.rolehop("refresh", "hub", "spokes/*", "--shell", "bash", "--reason", "nightly")
    assert (done.code, done.out) == (0, ""), done.err


def test_a_confirmation_holds_for_the_role_that_was_shown(world: World) -> None:
    """A server reads the config again at each renewal; to another role nobody has agreed."""
    guarded = CONFIG.replace("[chains.hub]\n", f"[chains.hub]\n{_CONFIRM}")
    world.config(guarded)
    app = App(world.environ, world.home, person=PromptedPerson(lambda question: "y"))
    options, proof = ask(app, "admin", WalkOptions())

    check_anew(world, "admin", options, proof)
    with pytest.raises(NoTerminal):
        check_anew(world, "hub", options, proof)
    world.config(guarded.replace("role/Admin", "role/Root"))
    with pytest.raises(NoTerminal):
        check_anew(world, "admin", options, proof)


def check_anew(world: World, chain: str, options: WalkOptions, proof: Proof) -> None:
    """Compare the proof with what the chain is by now, as a renewal does."""
    app = App(world.environ, world.home)
    check(Planning(app).resolve(chain), options, proof, app.config.defaults, lambda: app.aws_config)


_ENVIRONMENT = '[sources.me]\ntype = "environment"\n'
_PROCESS = '[sources.me]\ntype = "process"\ncommand = ["./login"]\n'
_HUB_HOP = 'role = "arn:aws:iam::222222222222:role/Hub"'
_LIMITED = f'{_HUB_HOP}, policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]'
_POLICY = """{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"""
_NARROW = f"{_HUB_HOP}, policy = '{_POLICY}'"
_CALLED = f'{_HUB_HOP}, session_name = "{{caller}}"'


@pytest.mark.parametrize(
    ("chain", "before", "after"),
    [
        ("own", _PROCESS, _ENVIRONMENT),
        ("own", _PROCESS, _PROCESS.replace("login", "other")),
        ("own", f'{_ENVIRONMENT}principal = "arn:aws:iam::111111111111:user/a"\n', _ENVIRONMENT),
        ("hub", _PROCESS, _ENVIRONMENT),
        ("hub", _LIMITED, _HUB_HOP),
        ("hub", _NARROW, _HUB_HOP),
        ("hub", f'{_HUB_HOP}, tags = {{ team = "a" }}', f'{_HUB_HOP}, tags = {{ team = "b" }}'),
        ("admin", _LIMITED, _HUB_HOP),
        ("hub", f'{_HUB_HOP}, external_id = "of-the-vendor"', _HUB_HOP),
        ("hub", f'{_HUB_HOP}, source_identity = "me"', f'{_HUB_HOP}, source_identity = "you"'),
        ("hub", f'{_HUB_HOP}, session_name = "me"', f'{_HUB_HOP}, session_name = "you"'),
        ("hub", _CALLED, _CALLED.replace("{caller}", "{caller}-2")),
        ("hub", f'{_HUB_HOP}, duration = "20m"', _HUB_HOP),
        ("admin", f'{_HUB_HOP}, mfa_serial = "arn:aws:iam::111111111111:mfa/a"', _HUB_HOP),
    ],
)
def test_a_confirmation_holds_for_the_way_that_was_shown(
    world: World, chain: str, before: str, after: str
) -> None:
    """Another source is another principal, and without its policies a role is wider."""
    replaced = _ENVIRONMENT if "[sources.me]" in before else _HUB_HOP
    guarded = CONFIG.replace(f"[chains.{chain}]\n", f"[chains.{chain}]\n{_CONFIRM}")
    world.config(guarded.replace(replaced, before))
    app = App(world.environ, world.home, person=PromptedPerson(lambda question: "y"))
    options, proof = ask(app, chain, WalkOptions())

    check_anew(world, chain, options, proof)
    world.config(guarded.replace(replaced, after))
    with pytest.raises(NoTerminal):
        check_anew(world, chain, options, proof)


@pytest.mark.parametrize(
    "added",
    [
        ('session_name = "{user}"', 'session_name = "{user}-2"'),
        ('session_name = "{user}"', 'session_name = "{user}"\nduration = "20m"'),
        ("read_only = true", 'read_only = true\ndescription = "another"'),
        ("read_only = true", ""),
    ],
)
def test_a_confirmation_holds_for_the_defaults_and_the_scope_too(
    world: World, added: tuple[str, str]
) -> None:
    config = f'{CONFIG}[chains.narrow]\nfrom = "hub"\n{_CONFIRM}[chains.narrow.scope]\n'
    world.config(f'{config}duration = "30m"\nread_only = true\n')
    app = App(world.environ, world.home, person=PromptedPerson(lambda question: "y"))
    options, proof = ask(app, "narrow", WalkOptions())

    check_anew(world, "narrow", options, proof)
    world.config(world.config_file.read_text().replace(*added))
    with pytest.raises(NoTerminal):
        check_anew(world, "narrow", options, proof)


def test_a_confirmation_holds_whoever_the_caller_is(world: World) -> None:
    """A walk may learn only after the question what AWS calls who signs in."""
    named = CONFIG.replace(_HUB_HOP, f'{_CALLED}, source_identity = "{{caller}}"')
    world.config(named.replace("[chains.hub]\n", f"[chains.hub]\n{_CONFIRM}"))
    app = App(world.environ, world.home, person=PromptedPerson(lambda question: "y"))
    options, proof = ask(app, "hub", WalkOptions())
    for caller in (None, "alice", "bob"):
        resolved = Planning(app).resolve("hub", caller=caller)
        check(resolved, options, proof, app.config.defaults, lambda: app.aws_config)


_KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n"
_TOKEN = "web_identity_token_file = /token\nrole_arn = arn:aws:iam::{}:role/A\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("credential_process = one\n", "credential_process = two\n"),
        ("credential_process = one\n", _KEYS),
        (_TOKEN.format("111111111111"), _TOKEN.format("222222222222")),
    ],
    ids=["another-process", "keys", "another-role"],
)
def test_a_confirmation_holds_for_the_aws_profile_as_it_was(
    world: World, before: str, after: str
) -> None:
    world.aws_config(f"[profile start]\n{before}")
    source = '[sources.start]\ntype = "profile"\nprofile = "start"\n'
    world.config(f'version = 1\n{source}[chains.c]\nsource = "start"\n{_CONFIRM}')
    app = App(world.environ, world.home, person=PromptedPerson(lambda question: "y"))
    options, proof = ask(app, "c", WalkOptions())
    check_anew(world, "c", options, proof)
    world.aws_config(f"[profile start]\n{after}")
    with pytest.raises(NoTerminal):
        check_anew(world, "c", options, proof)


_SERVED = """
import os, queue
from pathlib import Path
from rolehop.app.asking import SILENT
from rolehop.app.context import App
from rolehop.commands.serve.keeper import ChainKeeper, start_chain
from rolehop.plan.walk_options import WalkOptions

app, ended = App(os.environ, Path.home()), queue.Queue()
started = start_chain(app, "admin", WalkOptions(), SILENT, command="serve")
keeper = ChainKeeper(
    "admin", started.session, started.walk_again, now=app.now,
    on_change=lambda _, problem: ended.put(problem),
)
config = Path({config!r})
config.write_text(config.read_text().replace("[chains.hub]", {guard!r}))
keeper.renew()
ended.get(timeout=60)
answer = keeper.answer(final=True)
print(answer.status, answer.body.decode())
"""


@pytest.mark.parametrize("guard", [_CONFIRM, _REASON])
def test_a_server_stops_answering_for_a_chain_that_begins_to_ask(world: World, guard: str) -> None:
    world.config(CONFIG)
    code = _SERVED.format(config=str(world.config_file), guard=f"[chains.hub]\n{guard}")
    done = world.run(sys.executable, "-c", code)
    assert done.code == 0, done.err
    assert done.out.startswith("400 "), done.out
    assert guard.strip() in done.out.replace("\\", "")
    assert tokens(done.out, world) == []


def test_what_was_typed_before_the_question_confirms_nothing(world: World) -> None:
    world.config(CONFIG.replace("[chains.admin]\n", f"[chains.admin]\n{_CONFIRM}"))
    typed = "import select\nselect.select([open('/dev/tty')], [], [])\n"
    with OnTerminal(world, SCRIPT, "assume", "admin", before=typed) as person:
        person.types("y")
        person.expect("[y/N] ")
        person.types("n")
        done = person.ended()
    assert (done.code, done.out) == (130, "false\n"), done
    assert world.sts.calls == []


def test_a_required_reason_without_a_hop_goes_into_the_history_alone(world: World) -> None:
    world.config(CONFIG.replace("[chains.own]\n", f"[chains.own]\n{_REASON}"))
    assert world.rolehop("exec", "own", "--", "true").code == 8
    done = world.rolehop("exec", "own", "--reason", "an audit", "--", "true")
    assert done.code == 0, done.err
    lines = world.rolehop("history", "--format", "json").json["lines"]
    assert [each["reason"] for each in lines if each["event"] == "handover"] == ["an audit"]
    assert "an audit" not in str([call.params for call in world.sts.calls])


def test_a_proof_is_made_where_it_is_asked_for_alone() -> None:
    package = Path(rolehop.__file__).parent
    makers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "Proof"
    }
    assert makers == {"app/guard.py", "app/proof.py"}  # the latter: the empty one


def _aws_config(world: World) -> str:
    return (world.home / ".aws" / "config").read_text()
