"""`profile install --take-over`: whoever used a profile gets the same from rolehop, and the file comes back."""

from __future__ import annotations

import json

import pytest

from tests.support.aws_files import pair, plain
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, HUB, PYTHON, SCRIPT, World

CONFIG = f"""\
version = 1
[sources.base]
type = "keys"
[chains.base]
source = "base"
[chains.hub]
source = "base"
region = "eu-central-1"
hops = [{{ role = "{HUB}" }}]
[chains.admin]
from = "hub"
hops = [{{ role = "{ADMIN}" }}]
[chains.careful]
from = "hub"
confirm = true
"""
AWS = f"""\
[profile hub]
role_arn = {HUB}
source_profile = base
region = eu-west-1

# mine
[profile admin]
role_arn = {ADMIN}
source_profile = hub
"""
NO_KEYS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))


@pytest.fixture
def theirs(world: World) -> World:
    """A world with a user's own profiles of chains' names."""
    world.config(CONFIG)
    world.aws_config(AWS)
    world.aws_credentials(f"[base]\n{pair(world.alice)}output = json\n")
    return world


def files(world: World) -> tuple[bytes, bytes]:
    folder = world.home / ".aws"
    return (folder / "config").read_bytes(), (folder / "credentials").read_bytes()


def take_over(world: World, *names: str) -> str:
    done = world.rolehop("profile", "install", "--take-over", *names, "--yes", env=NO_KEYS)
    assert done.code == 0, done.err
    return done.err


def identities(world: World, *profiles: str) -> dict[str, str]:
    """Return who boto3 is with each profile."""
    code = """if True:
        import boto3, json, sys
        found = {}
        for name in sys.argv[1:]:
            try:
                sts = boto3.Session(profile_name=name, region_name="eu-west-1").client("sts")
                found[name] = sts.get_caller_identity()["Arn"].rpartition("/")[0]
            except Exception as error:
                found[name] = str(error)
        print(json.dumps(found))"""
    done = world.run(PYTHON, "-Wignore", "-c", code, *profiles, env=NO_KEYS)
    assert done.code == 0, done.err
    found: dict[str, str] = json.loads(done.out)
    return found


def test_a_conflict_is_named_with_the_command_and_keeps_no_other_profile_back(
    theirs: World,
) -> None:
    theirs.config(CONFIG + '[chains.new]\nfrom = "hub"\n')
    done = theirs.rolehop("profile", "install", "--yes")
    assert done.code == 0, done.err
    said = "3 profiles of your own have the name of a chain, and stay: base, hub, admin"
    assert said in done.err
    assert "rolehop profile install --take-over base hub admin" in done.err
    assert files(theirs)[0].startswith(AWS.encode())
    assert b"[profile new]" in files(theirs)[0]
    assert theirs.rolehop("profile", "install", "hub", "--yes").code == 3


def test_every_profile_is_who_it_was_and_the_secret_is_in_no_file(theirs: World) -> None:
    before, was = files(theirs), identities(theirs, "base", "hub", "admin")
    said = take_over(theirs)
    assert "careful" in said, "no SDK can ask: it is left out"
    assert plain(theirs) == []
    assert identities(theirs, "base", "hub", "admin") == was
    config, credentials = files(theirs)
    assert b"# mine\n" in config
    hub = config.partition(b"# mine")[0]
    assert hub.endswith(b"region = eu-west-1\n\n"), "what was set stays"
    assert b"region = eu-central-1" not in hub
    assert credentials.endswith(b"output = json\n")
    take_over(theirs)
    assert files(theirs) == (config, credentials), "once is enough"
    assert theirs.rolehop("profile", "install", "hub").err == "rolehop: nothing to change\n"
    rows = theirs.rolehop("profile", "list", "--format", "json").json["profiles"]
    assert {row["profile"] for row in rows if row["installed"]} == {"base", "hub", "admin"}
    done = theirs.rolehop("profile", "remove", "--yes", "--keys")
    assert done.code == 0, done.err
    assert files(theirs) == before
    assert identities(theirs, "base", "hub", "admin") == was


def test_removing_asks_before_keys_become_plain_text(theirs: World) -> None:
    before = files(theirs)
    take_over(theirs)
    with OnTerminal(theirs, SCRIPT, "profile", "remove") as person:
        person.expect("Remove 3 profiles from")
        person.types("y")
        person.expect("Write the keys of base into")
        person.types("")
        done = person.ended()
    assert done.code == 0, done.err
    assert files(theirs)[0] == before[0]
    assert plain(theirs) == []
    with OnTerminal(theirs, SCRIPT, "profile", "remove", "base") as person:
        person.expect("Write the keys of base into")
        person.types("y")
        done = person.ended()
    assert done.code == 0, done.err
    assert files(theirs) == before


def test_three_times_ends_where_it_began(theirs: World) -> None:
    before = files(theirs)
    folders = []
    for _ in range(3):
        take_over(theirs)
        assert theirs.rolehop("profile", "remove", "--yes", "--keys").code == 0
        assert files(theirs) == before
        folders.append(sorted(path.name for path in (theirs.home / ".aws").iterdir()))
    assert folders[0] == folders[2], "no more backups than there are contents"
    kept = [path.read_text() for path in (theirs.home / ".aws").glob("*backup*")]
    assert not [text for text in kept if theirs.alice.key.secret in text]


def test_uninstall_puts_keys_back_into_the_file_and_out_of_the_keyring(theirs: World) -> None:
    before = files(theirs)
    take_over(theirs)
    with OnTerminal(theirs, SCRIPT, "uninstall") as person:
        person.expect("Remove all of this?")
        person.types("y")
        person.expect("Put the keys of base into")
        person.types("y")
        done = person.ended()
    assert done.code == 0, done.err
    assert f"put back: the keys of base, into {theirs.home}/.aws/credentials" in done.err
    assert (files(theirs), theirs.items()) == (before, [])


def test_uninstall_leaves_keys_in_the_keyring_if_they_may_not_be_plain_text(theirs: World) -> None:
    take_over(theirs)
    done = theirs.rolehop("uninstall", "--yes")
    assert done.code == 0, done.err
    assert "left: the keys of base" in done.err
    assert plain(theirs) == []
    assert theirs.rolehop("keys", "list", "--format", "json").json["keys"][0]["name"] == "base"
    assert theirs.rolehop("uninstall", "--yes", "--keys").code == 0
    assert len(plain(theirs)) == 1, "it is not thrown away"
    assert theirs.items() == []


def test_keys_that_were_rotated_come_back_as_they_are_now(theirs: World) -> None:
    take_over(theirs)
    assert theirs.rolehop("keys", "rotate", "base").code == 0
    assert theirs.rolehop("profile", "remove", "--yes", "--keys").code == 0
    text = files(theirs)[1].decode()
    assert text == f"[base]\n{pair(theirs.alice)}output = json\n"


_REFUSED = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x/x/x/x/x/x/x/x/x\n"
STAYS = {
    "keys of a session": (
        "[profile hub]\nregion = x\n",
        f"[hub]\n{_REFUSED.replace('AKIA', 'ASIA')}aws_session_token = x\n",
        "they are the keys of a session",
    ),
    "keys that AWS refuses": (
        "",
        f"[hub]\n{_REFUSED}",
        "AWS refuses the keys",
    ),
    "no profile": (f"[hub]\nrole_arn = {HUB}\nsource_profile = base\n", "", "'profile' is missing"),
    "a secret in its command": (
        "[profile hub]\ncredential_process = /bin/tool --password=hunter2\n",
        "",
        "its credential_process may hold a secret",
    ),
    "two sections": ("[profile hub]\n[profile  hub]\nregion = x\n", "", "two sections"),
}


@pytest.mark.parametrize(("config", "credentials", "why"), STAYS.values(), ids=STAYS)
def test_what_could_not_work_or_come_back_stays_and_keeps_no_other_back(
    theirs: World, config: str, credentials: str, why: str
) -> None:
    theirs.aws_config(config)
    theirs.aws_credentials(f"[base]\n{pair(theirs.alice)}{credentials}")
    said = take_over(theirs)
    assert f"left out: AWS profile 'hub': {why}" in said or why in said
    assert files(theirs)[0].startswith(config.encode())
    assert files(theirs)[1].endswith(credentials.encode())
    assert theirs.alice.key.secret not in files(theirs)[1].decode()


def test_a_profile_that_others_need_as_it_is_stays(theirs: World) -> None:
    """botocore starts from the keys of a source profile, whatever its role."""
    theirs.aws_credentials(f"[hub]\n{pair(theirs.alice)}")
    theirs.aws_config(
        f"[profile hub]\nrole_arn = {HUB}\nsource_profile = hub\n"
        f"[profile other]\nrole_arn = {HUB}\nsource_profile = hub\n"
    )
    done = theirs.rolehop("profile", "install", "--take-over", "hub", "--yes", env=NO_KEYS)
    assert done.code == 3
    assert "AWS profile 'other' uses its keys, and would get its role" in done.err


def test_a_chain_that_would_come_back_to_itself_keeps_its_profile(theirs: World) -> None:
    source = '[sources.base]\ntype = "keys"'
    theirs.config(CONFIG.replace(source, '[sources.base]\ntype = "profile"\nprofile = "hub"'))
    done = theirs.rolehop("profile", "install", "--take-over", "hub", "--yes", env=NO_KEYS)
    assert done.code == 3
    assert "source 'base' of its chain reads this profile, and would come back to it" in done.err
    assert files(theirs)[0] == AWS.encode()


def test_a_source_that_reads_the_keys_of_a_profile_keeps_them_itself(theirs: World) -> None:
    table = '[sources."me"]  # mine\n  type = "profile" # once\n  profile = "base"\n'
    config = CONFIG.replace('source = "base"', 'source = "me"')
    theirs.config(config.replace('[sources.base]\ntype = "keys"\n', table))
    was = identities(theirs, "base", "hub")
    said = take_over(theirs, "base", "hub")
    assert "to move to the keyring" in said
    assert '[sources."me"]  # mine\n  type = "keys" # once\n[' in theirs.config_file.read_text()
    assert plain(theirs) == []
    assert identities(theirs, "base", "hub") == was
    theirs.rolehop("profile", "remove", "--yes", "--keys")
    inline = 'sources = { me = { type = "profile", profile = "base" } }\n'
    theirs.config(f"version = 1\n{inline}{config[config.index('[chains') :]}")
    done = theirs.rolehop("profile", "install", "--take-over", "base", "--yes", env=NO_KEYS)
    assert done.code == 3
    assert "source 'me' reads its keys; write type = \"keys\" there, and no profile" in done.err


AT_THE_END = {
    "a header without an end": "[profile hub]",
    "a setting without an end": f"[profile hub]\nrole_arn = {HUB}\nsource_profile = base",
    "indented": f"[profile hub]\n  role_arn = {HUB}\n  source_profile = base\n  region = x\n",
    "CRLF, capitals": f"[profile hub]\r\nROLE_ARN = {HUB}\r\nSource_Profile: base\r\n\r\n",
}


@pytest.mark.parametrize("config", AT_THE_END.values(), ids=AT_THE_END)
@pytest.mark.parametrize("at_once", [True, False])
def test_every_byte_comes_back_with_a_block_behind(
    theirs: World, config: str, at_once: bool
) -> None:
    theirs.aws_config(config)
    folder = theirs.home / ".aws"
    (folder / "config").write_bytes(config.encode())
    before = files(theirs)
    assert theirs.rolehop("keys", "add", "base", "--from-env").code == 0
    for names in [()] if at_once else [("hub",), ("base", "admin")]:
        take_over(theirs, *names)
    assert b"credential-process hub" in files(theirs)[0]
    assert theirs.rolehop("profile", "remove", "--yes", "--keys").code == 0
    assert files(theirs) == before


def test_a_credentials_file_that_is_said_not_to_be_there_is_not_needed(theirs: World) -> None:
    assert theirs.rolehop("keys", "add", "base", "--from-env").code == 0
    theirs.more["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
    take_over(theirs)
    assert b"# rolehop took over: role_arn" in files(theirs)[0]


def test_a_role_whose_chain_would_find_no_keys_stays(theirs: World) -> None:
    before = files(theirs)
    theirs.aws_config(f"{AWS}[profile own]\nrole_arn = {HUB}\ncredential_source = Environment\n")
    theirs.config(f'{CONFIG}[sources.e]\ntype = "environment"\n[chains.own]\nsource = "e"\n')
    said = take_over(theirs, "hub", "own")
    assert "left out: AWS profile 'hub': the keyring has no keys for source 'base'" in said
    assert files(theirs)[0].startswith(before[0])
    assert b"credential-process own" in files(theirs)[0]
    assert "'hub'" not in take_over(theirs), "with its keys it is taken over"


def test_without_a_lasting_keyring_keys_stay_and_the_roles_that_need_them(theirs: World) -> None:
    before = files(theirs)
    theirs.more["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    done = theirs.rolehop("profile", "install", "--take-over", "--yes", env=NO_KEYS)
    assert done.code == 3, done.err
    assert "left out: AWS profile 'base': there is no" in done.err
    assert "ways out: rolehop guide server-keyring" in done.err
    assert files(theirs) == before
