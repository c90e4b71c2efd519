"""Words, texts and files that make no sense: each command says so with its exit code."""

from __future__ import annotations

import pytest

from tests.support.source_servers import use_source
from tests.support.world import CONFIG, HUB, Done, World

DEEP = "[" * 100_000
DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
LONG_NUMBER = '{"AccessKey": ' + "9" * 5_000 + "}"
TEXTS = {
    "deep": DEEP,
    "a-deep-object": DEEP_OBJECT,
    "a-number-of-5000-digits": LONG_NUMBER,
    "not-text": "\x00\udcff",
    "nothing": "",
    "two-million-characters": "x" * 2_000_000,
}
WORDS = {
    "300-characters": "x" * 300,
    "300-characters-not-ascii": "é" * 300,
    "an-arn-that-is-too-long": f"arn:aws:iam::111111111111:role/{'x' * 300}",
    "colons": f"arn{':' * 300}",
    "a-path-that-is-too-long": "../" * 2_000,
    "5000-digits": "1" * 5_000,
    "not-text": "\udcff",
    "an-escape": "\x1b[31m",
    "empty": "",
}
SOURCES = f"""
[sources.alice]
type = "keys"
[sources.idp]
type = "saml"
role = "{HUB}"
assertion_command = ["x"]
[sources.web]
type = "web-identity"
role = "{HUB}"
issuer = "https://issuer.example"
client_id = "x"
"""


def check(done: Done, *codes: int) -> None:
    assert done.code in codes, done.err
    assert "unexpected happened" not in done.err
    assert "Traceback" not in done.err


@pytest.fixture(scope="module")
def with_sources(shared_world: World) -> World:
    shared_world.config(CONFIG + SOURCES)
    return shared_world


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("keys add alice --stdin", (2,)),
        ("source login idp --stdin", (2, 4, 5)),
        ("source login web --stdin", (2, 4)),
        ("explain --error -", (2,)),
        ("explain --decode -", (2, 5, 6)),
        ("export admin --mfa-stdin", (0, 2)),
    ],
)
def test_a_text_on_stdin(
    with_sources: World, command: str, codes: tuple[int, ...], text: str
) -> None:
    check(with_sources.rolehop(*command.split(), input=TEXTS[text]), *codes)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("explain role", (2, 4)),
        ("explain", (2, 3)),
        ("plan", (3,)),
        ("routes", (2, 3)),
        ("check", (2, 3)),
        ("source test", (3,)),
        ("keys remove", (2, 4, 7)),
        ("config check --config", (0, 2, 3)),  # an empty path is none
        ("explain --decode", (2, 5, 6)),
        ("export admin --session-policy", (2, 3)),
        ("export admin --region", (0, 2, 3, 6)),
        ("export admin --min-ttl", (2,)),
        ("export admin --tag", (2,)),
    ],
)
def test_a_word_on_the_command_line(
    with_sources: World, command: str, codes: tuple[int, ...], word: str
) -> None:
    check(with_sources.rolehop(*command.split(), WORDS[word]), *codes)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "command", ["explain admin --policies", "check --policies", "assume hub --session-policy"]
)
def test_a_file(with_sources: World, command: str, text: str) -> None:
    path = with_sources.folder / "odd.json"
    path.write_text(TEXTS[text], encoding="utf-8", errors="surrogateescape")
    done = with_sources.rolehop(*command.split(), str(path))
    check(done, 2, 3, 4)


@pytest.mark.parametrize("word", ["300-characters", "a-path-that-is-too-long"])
def test_a_path_in_a_variable(with_sources: World, word: str) -> None:
    env = {"AWS_CA_BUNDLE": WORDS[word]}
    check(with_sources.rolehop("refresh", "hub", env=env), 3)


@pytest.mark.parametrize("word", ["300-characters", "a-path-that-is-too-long"])
@pytest.mark.parametrize(
    "settings",
    [
        "type = 'process'\ncommand = ['{word}/{word}']",
        (
            "type = 'roles-anywhere'\ntrust_anchor = 'arn:aws:rolesanywhere:eu-west-1:111111111111:"
            "trust-anchor/11111111-2222-3333-4444-555555555555'\nprofile = 'arn:aws:rolesanywhere:"
            "eu-west-1:111111111111:profile/11111111-2222-3333-4444-555555555555'\n"
            "role = '111111111111:role/A'\ncertificate = '{word}'\nprivate_key = '{word}'"
        ),
        f"type = 'web-identity'\nrole = '{HUB}'\ntoken_file = '{{word}}'",
        f"type = 'saml'\nrole = '{HUB}'\nassertion_file = '{{word}}'",
    ],
    ids=["process", "roles-anywhere", "web-identity", "saml"],
)
def test_a_path_in_the_config(world: World, settings: str, word: str) -> None:
    use_source(world, settings.format(word=WORDS[word]))
    check(world.rolehop("credential-process", "own"), 4)
    check(world.rolehop("source", "list"), 0)
    check(world.rolehop("source", "test", "s"), 4)
    check(world.rolehop("plan", "own"), 0)


@pytest.mark.parametrize("word", ["300-characters", "a-path-that-is-too-long"])
def test_a_path_in_a_profile(world: World, word: str) -> None:
    use_source(world, "type = 'profile'\nprofile = 'p'")
    text = f"[profile p]\nrole_arn = {HUB}\nweb_identity_token_file = {WORDS[word]}\n"
    world.aws_config(text)
    check(world.rolehop("credential-process", "own"), 3, 4)
    check(world.rolehop("source", "list"), 0)
