"""The Python API as programs use it, in processes of their own against the strict STS double."""

from __future__ import annotations

import os
import pydoc
from pathlib import Path

import pytest

import rolehop
from rolehop.api import Options
from rolehop.base.credentials import Secret
from rolehop.cli.options import COMMON_OPTIONS
from rolehop.commands.shell.assume import command
from tests.api.programs import (
    lengthen_sessions,
    printed,
    printed_around,
    run,
    shorten_sessions,
)
from tests.commands.credential_process.aged_sessions import leave
from tests.support.environment import ROOT
from tests.support.secrets import found_in
from tests.support.world import ADMIN, CONFIG, HUB, World


def test_a_boto3_session_calls_as_the_role(world: World) -> None:
    lines = printed(
        world,
        """
        import rolehop
        session = rolehop.session("admin")
        print(session.region_name)
        print(session.client("sts").get_caller_identity()["Arn"])
        """,
    )
    assert lines == ["eu-west-1", "arn:aws:sts::333333333333:assumed-role/Admin/me"]
    assert world.sts.roles_called == [HUB, ADMIN]


def test_nothing_is_walked_before_the_first_call(world: World) -> None:
    printed(world, "import rolehop; rolehop.session('admin').client('sts')")
    assert world.sts.roles_called == []


def test_it_ignores_the_credentials_of_the_environment(world: World) -> None:
    code = (
        "import rolehop; c = rolehop.session('hub').get_credentials()\n"
        "print(c.method, c.access_key.startswith('ASIA'))"
    )
    assert printed(world, code) == ["rolehop True"]


def test_credentials_are_those_that_the_command_line_stored(world: World) -> None:
    stored = world.rolehop("export", "admin", "--format", "json").json
    (line,) = printed(
        world,
        """
        import rolehop
        found = rolehop.get_credentials("admin")
        secret = found.credentials.secret_access_key.reveal()
        print(found.credentials.access_key_id, secret, found.arn, found.account, sep="|")
        """,
    )
    arn = "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert line.split("|") == [
        stored["AccessKeyId"],
        stored["SecretAccessKey"],
        arn,
        "333333333333",
    ]
    assert world.sts.roles_called == [HUB, ADMIN]


def test_a_plan_makes_no_call(world: World) -> None:
    lines = printed(
        world,
        """
        import rolehop
        for hop in rolehop.get_plan("admin", duration="30m").hops:
            print(hop.number, hop.hop.role, hop.hop.duration_seconds)
        """,
    )
    assert lines == [f"1 {HUB} 3600", f"2 {ADMIN} 1800"]
    assert world.sts.calls == []


def test_arguments_reach_the_last_hop_as_the_flags_do(world: World) -> None:
    code = """
        from datetime import timedelta
        import rolehop
        rolehop.get_credentials(
            "admin", duration=timedelta(minutes=20), tags={"team": "x"}, source_identity="jane",
            policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"], reason="audit",
        )
        """
    world.sts.world.role(
        ADMIN, trusts=[HUB], actions=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    )
    assert run(world, code).code == 0
    asked = world.sts.calls[-1].params
    assert asked["DurationSeconds"] == "1200"
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("team", "x")
    assert asked["SourceIdentity"] == "jane"
    assert asked["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert asked["RoleSessionName"] == "me+audit"


def test_a_member_of_an_enum_is_sent_as_its_text(world: World) -> None:
    """Python formats it as ``Team.BLUE``: a session of that tag would be stored as one of ``blue``."""
    world.sts.world.role(
        ADMIN, trusts=[HUB], actions=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    )
    code = """
        import enum, rolehop
        class Text(str, enum.Enum):
            CHAIN, KEY, TEAM, WHY, WHO = "admin", "team", "blue", "audit", "jane"
            ARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        class Seconds(int, enum.Enum):
            SHORT = 1200
        rolehop.get_credentials(
            Text.CHAIN, duration=Seconds.SHORT, tags={Text.KEY: Text.TEAM}, reason=Text.WHY,
            policy_arns=[Text.ARN], source_identity=Text.WHO,
        )
        """
    done = run(world, code)
    assert done.code == 0, done.err
    asked = world.sts.calls[-1].params
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("team", "blue")
    assert asked["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert (asked["SourceIdentity"], asked["RoleSessionName"]) == ("jane", "me+audit")
    assert asked["DurationSeconds"] == "1200"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("duration='5s'", "duration"),
        ("duration=60", "15 min to 12 h"),
        ("region='nowhere!'", "region"),
        ("tags={'': 'x'}", "tags"),
        ("policy='{'", "policy"),
        ("policy_arns=['x']", "policy_arns"),
        ("source_identity='!'", "source_identity"),
        ("reason=' '", "reason"),
        ("reason=5", "reason: must be"),
        ("reason='--'", "reason: a reason needs a letter or a digit"),
        (r"reason='\u2800'", "reason: a reason needs a letter or a digit"),
        ("config=''", "the path of the config file is empty"),
        ("tags=['a']", "tags: must be a mapping"),
        ("tags={1: 'a'}", "tags: a tag's key must be text, not 1"),
        ("policy_arns='arn:aws:iam::aws:policy/X'", "policy_arns: must be a list"),
        ("policy_arns=iter(['arn:aws:iam::aws:policy/X'])", "policy_arns: must be a list"),
        ("config=3", "config: must be a path"),
        ("config=b'/x'", "config: must be a path"),
        ("prompt=True", "prompt"),
        ("durations='1h'", "durations"),
    ],
)
def test_wrong_arguments_are_named(world: World, argument: str, said: str) -> None:
    code = f"""
        import rolehop
        try:
            rolehop.get_plan("admin", {argument})
        except rolehop.UsageError as error:
            print(error, error.cause, error.fix)
        """
    assert said in "".join(printed(world, code))


@pytest.mark.parametrize(
    "arguments",
    [
        "read_only=True, policy_arns=['arn:aws:iam::aws:policy/X']",
        "duration='12h', strict=True",
        "tags={'a': '1', 'A': '2'}",
        "tags={str(n): 'x' for n in range(50)}, reason='why'",
    ],
)
def test_no_error_of_an_argument_speaks_of_flags(world: World, arguments: str) -> None:
    world.config(CONFIG.replace("[chains.admin]\n", '[chains.admin]\nreason_in = "tag"\n'))
    code = f"""
        import rolehop
        try:
            rolehop.get_plan("admin", {arguments})
        except rolehop.RolehopError as error:
            print(error)
        """
    lines = printed(world, code)
    assert lines[-1].startswith("  try    ")
    assert "--" not in "".join(lines)


def test_a_session_is_limited_by_the_arguments_that_its_plan_has(world: World) -> None:
    """A collection that gives its content once must not leave the session whole."""
    code = """
        from collections.abc import Collection
        import rolehop
        class Once(Collection):
            def __init__(self, *items): self.items = list(items)
            def __len__(self): return len(self.items)
            def __contains__(self, item): return item in self.items
            def __iter__(self):
                while self.items:
                    yield self.items.pop()
        session = rolehop.session("admin", policy_arns=Once("arn:aws:iam::aws:policy/ReadOnlyAccess"))
        session.get_credentials().get_frozen_credentials()
        """
    printed(world, code)
    asked = world.sts.calls[-1].params
    assert asked["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.mark.parametrize("name", ["get_plan", "get_credentials", "session"])
def test_a_chain_that_is_no_name(world: World, name: str) -> None:
    code = f"""
        import rolehop
        try:
            rolehop.{name}(None)
        except rolehop.UsageError as error:
            print(error)
        """
    assert printed(world, code) == ["chain: must be a name, not None", "  try    rolehop list"]


def test_the_cause_of_a_config_error_is_every_problem(world: World) -> None:
    world.config(CONFIG + "[chains.x]\nsourc = 'me'\n")
    code = """
        import rolehop
        try:
            rolehop.get_plan("admin")
        except rolehop.ConfigError as error:
            print(error.cause)
        """
    lines = printed(world, code)
    assert [line.partition("chains.x")[2][:8] for line in lines] == [": needs ", ".sourc: "]


def test_aws_profile_is_ignored_as_exec_unsets_it(world: World) -> None:
    code = """
        import rolehop
        session = rolehop.session("hub")
        print(session.profile_name, session.client("sts").get_caller_identity()["Account"])
        """
    assert printed(world, code, AWS_PROFILE="missing") == ["default 222222222222"]


def test_the_arguments_are_the_flags_of_assume() -> None:
    flags = {each.name for each in command.params} - {each.name for each in COMMON_OPTIONS()}
    # A program names its chain, asks through prompt, and evaluates no statements.
    expected = flags - {"chain", "shell", "mfa_stdin"} | {"config", "prompt"}
    assert set(Options.__annotations__) == expected


@pytest.mark.parametrize("name", ["get_plan", "get_credentials", "session"])
def test_help_explains_every_argument(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(getattr(rolehop, name)))
    for argument in ("chain", *Options.__annotations__):
        assert f"        {argument}: " in text, argument
    assert text.index("Args:") < text.index("Raises:")


def test_no_token_of_the_environment_signs_in_place_of_the_role(world: World) -> None:
    """Botocore prefers a bearer token to keys, for Bedrock."""
    code = """
        import rolehop
        client = rolehop.session("hub", region="us-east-1").client("bedrock")
        def show(request, **_):
            print(request.headers["Authorization"].decode().split(" ")[0])
            raise SystemExit
        client.meta.events.register("before-send", show)
        client.list_foundation_models()
        """
    token = {"AWS_BEARER_TOKEN_BEDROCK": "of-somebody-else"}
    assert printed(world, code, **token) == ["AWS4-HMAC-SHA256"]


_PROFILE_ADMIN = f"[profile admin]\ncredential_source = Environment\nrole_arn = {HUB}\n"


def test_a_session_of_a_chain_never_goes_on_as_an_aws_profile_of_its_name(world: World) -> None:
    """A config that is replaced may be gone for a moment; the profile leads elsewhere, unasked."""
    world.aws_config(_PROFILE_ADMIN)
    code = f"""
        import os, rolehop
        session = rolehop.session("admin")
        os.rename({str(world.config_file)!r}, {str(world.config_file) + ".bak"!r})
        try:
            session.get_credentials().get_frozen_credentials()
        except rolehop.ConfigError as error:
            print(error.what)
        print(rolehop.session("admin").client("sts").get_caller_identity()["Account"])
        """
    said = "chain 'admin' is no longer in the config"
    assert printed(world, code) == [said, "222222222222"]


def test_a_refused_hop_is_the_error_of_the_command_line(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["arn:aws:iam::999999999999:root"])
    shown = world.rolehop("export", "admin", "--format", "json")
    assert shown.code == 5
    lines = printed(
        world,
        """
        import rolehop
        try:
            rolehop.get_credentials("admin")
        except rolehop.HopRefused as error:
            print(error.exit_code, error.code, error.hop, error.chain)
            print(error.what, error.cause, error.fix, sep="\\n")
            print(error)
        """,
    )
    assert lines[0] == "5 AccessDenied 2 admin"
    what, cause, fix, *text = lines[1:]
    for line in (what, cause, fix):
        assert line.split(":")[0] in shown.err
    assert (text[0], text[1], text[-1]) == (what, f"  cause  {cause}", f"  try    {fix}")
    assert text[2] == "    - does the role exist, and does its trust policy name the caller?"


def test_the_text_of_an_error_repeats_nothing_that_a_program_wrote() -> None:
    error = rolehop.SourceError("it failed", cause="it wrote: a secret", fix="run it by hand")
    assert str(error) == "it failed\n  cause  it wrote: a secret\n  try    run it by hand"
    error.quotes_program = True
    assert str(error) == "it failed\n  try    run it by hand"


def test_the_text_of_an_error_has_no_secret_in_it() -> None:
    secret = Secret("hunter2hunter2")
    error = rolehop.ServiceError("it failed", cause="AWS said: hunter2hunter2")
    assert str(error) == "it failed\n  cause  AWS said: [hidden]"
    assert secret


def test_another_config_file(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(
        CONFIG.replace("[chains.admin]", "[chains.other]").replace("chains.admin", "chains.other")
    )
    other.chmod(0o600)
    code = f"import rolehop; print(rolehop.get_plan('other', config={str(other)!r}).chain)"
    assert printed(world, code) == ["other"]


_START = f"[profile start]\nsource_profile = alice\nrole_arn = {HUB}\nrole_session_name = me\n"


@pytest.mark.parametrize(
    ("chain", "argument", "variable", "text"),
    [
        ("hub", ", config='named'", {}, CONFIG),
        ("hub", "", {"ROLEHOP_CONFIG": "named"}, CONFIG),
        ("start", "", {"AWS_CONFIG_FILE": "named"}, _START),
    ],
)
def test_a_program_that_changes_its_folder_keeps_its_files(
    world: World,
    tmp_path: Path,
    chain: str,
    argument: str,
    variable: dict[str, str],
    text: str,
) -> None:
    """In the new folder another file may have the same name, and send the chain elsewhere."""
    keys = world.alice.environ
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    for folder, content in (("a", text), ("b", text.replace("role/Hub", "role/Other"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "named").write_text(content)
    code = f"""
        import os, rolehop
        os.chdir({str(tmp_path / "a")!r})
        session = rolehop.session({chain!r}{argument})
        os.chdir({str(tmp_path / "b")!r})
        session.get_credentials().get_frozen_credentials()
        """
    printed(world, code, **variable)
    assert world.sts.roles_called == [HUB]


@pytest.mark.parametrize(
    ("chain", "name", "file", "text"),
    [
        ("hub", "ROLEHOP_CONFIG", "config.toml", CONFIG),
        ("hub", "XDG_CONFIG_HOME", "rolehop/config.toml", CONFIG),
        ("hub", "HOME", ".config/rolehop/config.toml", CONFIG),
        ("start", "AWS_CONFIG_FILE", "aws", _START),
    ],
)
def test_a_program_that_changes_its_variables_keeps_its_files(
    world: World, tmp_path: Path, chain: str, name: str, file: str, text: str
) -> None:
    """It may make sessions of several configs; each is walked when it is first used."""
    keys = world.alice.environ
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    values = []
    for folder, content in (("a", text), ("b", text.replace("role/Hub", "role/Other"))):
        path = tmp_path / folder / file
        path.parent.mkdir(parents=True)
        path.write_text(content)
        values.append(str(tmp_path / folder if file[0] in ".r" else path))
    code = f"""
        import os, rolehop
        os.environ.pop("XDG_CONFIG_HOME", None)
        os.environ[{name!r}] = {values[0]!r}
        session = rolehop.session({chain!r})
        os.environ[{name!r}] = {values[1]!r}
        session.get_credentials().get_frozen_credentials()
        """
    printed(world, code)
    assert world.sts.roles_called == [HUB]


def test_a_config_folder_that_is_relative_is_none(world: World, tmp_path: Path) -> None:
    """The XDG rules have it ignored; the folder that a program runs in may be of somebody else."""
    (tmp_path / "rolehop").mkdir()
    other = CONFIG.replace("chains.hub", "chains.other")
    (tmp_path / "rolehop" / "config.toml").write_text(other)
    code = f"""
        import os, rolehop
        os.chdir({str(tmp_path)!r})
        rolehop.session("hub")
        try:
            rolehop.session("other")
        except rolehop.ConfigError as error:
            print(error.what)
        """
    assert printed(world, code, XDG_CONFIG_HOME=".") == [
        "no chain or AWS profile is called 'other'"
    ]


def test_no_secret_is_in_the_logs_of_the_program(world: World) -> None:
    """At the level DEBUG botocore logs what it signs, with the token of the session that signs."""
    code = """
        import logging, sys
        logging.basicConfig(level=1, stream=sys.stdout)
        import rolehop
        rolehop.get_credentials("admin")
        """
    said = "\n".join(printed(world, code))
    assert "urllib3" in said
    assert not found_in(said, world)


@pytest.mark.parametrize("damage", ["refused", "credentials file", "token"])
def test_no_secret_is_among_the_variables_of_a_traceback(world: World, damage: str) -> None:
    """Programs log tracebacks with the local variables of each frame."""
    if damage == "refused":
        world.sts.world.role(HUB, trusts=["arn:aws:iam::999999999999:root"])
    elif damage == "credentials file":
        secret = world.alice.environ["AWS_SECRET_ACCESS_KEY"]
        world.aws_credentials(f"[alice]\naws_secret_access_key = {secret}\nno key\n[x\n")
    else:
        source = f'type = "web-identity"\nrole = "{HUB}"\ntoken_env = "AWS_SECRET_ACCESS_KEY"\n'
        world.config(CONFIG.replace('type = "environment"\n', source))
    code = """
        import traceback, rolehop
        for call in (
            lambda: rolehop.get_credentials("hub"),
            lambda: rolehop.session("hub").get_credentials().get_frozen_credentials(),
        ):
            try:
                raise KeyError("of the program")
            except KeyError as own:
                try:
                    call()
                except rolehop.RolehopError as error:
                    while error not in (None, own):
                        found = traceback.TracebackException.from_exception
                        print("".join(found(error, capture_locals=True).format(chain=False)))
                        error = error.__cause__ or error.__context__
        """
    said = "\n".join(printed(world, code))
    assert said.count("in get_credentials") == 1
    assert not found_in(said, world)


def test_an_exception_that_is_equal_to_others_has_no_variables_either(world: World) -> None:
    """A prompt may raise it, in the middle of a walk."""
    world.config(CONFIG.replace("[chains.admin]\n", "[chains.admin]\nconfirm = true\n"))
    code = """
        import rolehop, traceback
        class Same(Exception):
            def __eq__(self, other):
                return True
        def prompt(question):
            planted = "PLANTED"
            raise Same
        try:
            rolehop.get_credentials("admin", prompt=prompt)
        except Same as error:
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            print(len(frames) > 5, "PLANTED" in repr([frame.f_locals for frame in frames[1:]]))
        """
    assert printed(world, code) == ["True False"]


def test_the_programs_own_exception_keeps_its_variables(world: World) -> None:
    code = """
        import rolehop
        def fails():
            kept = "for the program"
            raise KeyError(kept)
        try:
            fails()
        except KeyError as error:
            try:
                rolehop.get_plan("missing")
            except rolehop.ConfigError as missing:
                assert missing.__context__ is error
            print(error.__traceback__.tb_next.tb_frame.f_locals)
        """
    assert printed(world, code) == ["{'kept': 'for the program'}"]


def test_fifty_threads_over_an_expiry_make_one_walk(world: World) -> None:
    shorten_sessions(world)
    lines = printed_around(
        world,
        """
        import threading, time
        import rolehop
        session = rolehop.session("hub")
        credentials = session.get_credentials()
        first = credentials.get_frozen_credentials().access_key
        print("first", flush=True)
        input()
        seen, lock = set(), threading.Lock()
        def poll():
            while (key := credentials.get_frozen_credentials().access_key) == first:
                time.sleep(0.02)
            with lock:
                seen.add(key)
        threads = [threading.Thread(target=poll) for _ in range(50)]
        [each.start() for each in threads]
        [each.join() for each in threads]
        print(len(seen))
        """,
        lambda: lengthen_sessions(world),
    )
    assert lines == ["1"]
    assert world.sts.roles_called == [HUB, HUB]


def test_a_renewal_that_failed_is_not_tried_again_for_each_request(world: World) -> None:
    """boto3 asks for every request below 15 minutes, and waits for the answer."""
    assert world.rolehop("credential-process", "admin").code == 0
    leave(world, minutes=5)
    world.sts.fail(1000)
    code = """
        import rolehop
        keys = rolehop.session("admin").get_credentials()
        print(keys.get_frozen_credentials().access_key)
    """
    world.sts.calls.clear()
    first = printed(world, code)
    assert world.sts.calls
    (note,) = world.state.glob("recent-failures/renewal-*.json")
    os.utime(note)
    world.sts.calls.clear()
    assert printed(world, code) == first
    assert world.sts.calls == []


def test_no_secret_is_in_a_repr(world: World) -> None:
    (shown,) = printed(
        world,
        """
        import rolehop
        found = rolehop.get_credentials("admin")
        session = rolehop.session("admin")
        session.get_credentials().get_frozen_credentials()
        shown = [repr(each) for each in (found, rolehop.get_plan("admin"), session, found.credentials)]
        shown += [str(found), f"{found.credentials.secret_access_key}"]
        secrets = [found.credentials.secret_access_key, found.credentials.session_token]
        print(any(each.reveal() in text for each in secrets for text in shown))
        """,
    )
    assert shown == "False"


def test_every_name_works_after_all_submodules_are_imported(world: World) -> None:
    lines = printed(
        world,
        """
        import importlib, inspect, pkgutil
        import rolehop
        for module in pkgutil.walk_packages(rolehop.__path__, "rolehop."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        for name in rolehop.__all__:
            found = getattr(rolehop, name)
            assert callable(found) and not inspect.ismodule(found), name
        assert set(rolehop.__all__) <= set(dir(rolehop))
        print(rolehop.get_plan("admin").chain, rolehop.get_credentials("admin").account)
        print(rolehop.session("admin").client("sts").get_caller_identity()["Account"])
        """,
        PYTHONWARNINGS="default",
    )
    assert lines == ["admin 333333333333", "333333333333"]


def test_importing_it_loads_nothing(world: World) -> None:
    lines = printed(
        world,
        """
        import sys
        before = set(sys.modules)
        import rolehop
        print(sorted(set(sys.modules) - before))
        try:
            rolehop.nothing
        except AttributeError as error:
            print(error)
        """,
    )
    assert lines == ["['rolehop']", "module 'rolehop' has no attribute 'nothing'"]


def test_the_guides_example_runs(world: World) -> None:
    page = (ROOT / "rolehop" / "guide" / "python-api.md").read_text(encoding="utf-8")
    code = page.split("```python\n", 1)[1].split("```", 1)[0]
    code = code.replace("prod-admin", "admin").replace(
        'client("s3").list_buckets()', 'client("sts").get_caller_identity()'
    )
    assert printed(world, code)[0].startswith("arn:aws:sts::333333333333:assumed-role/Admin/")
