"""The parsers of files, programs' output, and what rolehop has stored."""

from __future__ import annotations

import base64
import json
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from rolehop.app.context import App
from rolehop.app.folder_chain import read_folder_chain
from rolehop.app.planning import Planning
from rolehop.aws.jwt import read_claims, shown
from rolehop.aws.oauth import read_tokens
from rolehop.aws.saml_assertion import read_assertion
from rolehop.aws.sso_token_cache import read_cache
from rolehop.awsconfig import parse_aws_config
from rolehop.awsconfig.profile_chain import resolve_profile
from rolehop.base import json_fields as credential_json
from rolehop.base.arn import RoleArn, account_of, is_principal
from rolehop.base.credentials import Secret
from rolehop.base.durations import parse_duration, read_moment
from rolehop.base.errors import RolehopError
from rolehop.base.json_fields import json_object
from rolehop.handover.shells.registry import SHELLS, dialect
from rolehop.hotpath.record import line_of_item, read_record
from rolehop.hotpath.writer import as_record
from rolehop.policy.aws_cli_output import InvalidInventory, read_inventory
from rolehop.policy.denied_text import encoded_message, event_without_reason, read_excerpt
from rolehop.policy.language.parser import Kind, PolicyError, parse_policy
from rolehop.sources.process import split_command
from rolehop.vault.index_file import as_text, read_text
from rolehop.vault.serialization import Damaged, read_document, read_item
from tests.fuzz.run import Parser
from tests.fuzz.samples import (
    AWS_CONFIG,
    CONFIGS,
    DENIED,
    INDEX,
    INVENTORY,
    ITEM,
    KEY,
    OWN_DOCUMENT,
    POLICIES,
    PROCESS,
    RECORD,
    SAML,
    SIGN_IN,
    TOKENS,
)
from tests.fuzz.texts import json_bytes, json_text, mutated, mutated_bytes, pieces

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all parsers; those of files have a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="rh-") as folder:
        yield [*_of_files(Path(folder)), *_PARSERS]


def _of_files(folder: Path) -> list[Parser]:
    config, sign_in, chain = folder / "config.toml", folder / "token.json", folder / ".rolehop"
    for path in (config, sign_in, chain):
        path.touch(mode=0o600)

    def plan_all(data: bytes) -> None:
        config.write_bytes(data)
        app = App({"HOME": str(folder), "LOGNAME": "me"}, folder, config_file=str(config))
        for name in list(app.config.chains)[:20]:
            try:
                Planning(app).plan(name)
            except RolehopError:
                continue

    def sign_in_of(data: bytes) -> None:
        sign_in.write_bytes(data)
        read_cache(sign_in)

    def chain_of(data: bytes) -> str:
        chain.write_bytes(data)
        return read_folder_chain(chain).chain

    return [
        Parser("config", mutated_bytes(CONFIGS), plan_all, share=6),
        Parser("the AWS CLI's sign-ins", json_bytes([SIGN_IN]), sign_in_of, (ValueError,)),
        Parser(
            "a folder's chain", mutated_bytes(["prod-admin\n"]), chain_of, (OSError, ValueError), 2
        ),
    ]


def _aws_config(texts: tuple[str, str]) -> None:
    config, credentials = texts
    found = parse_aws_config(config, credentials, config_file="c", credentials_file="d")
    for name in list(found.profiles)[:20]:
        try:
            resolve_profile(found, name)
        except RolehopError:
            continue


def _policy(given: tuple[str, Kind]) -> None:
    parse_policy(*given)


def _denied(text: str) -> str:
    found = read_excerpt(text)
    events = list(event_without_reason(text))
    encoded_message(text)
    return f"{found and found.words}" if events or found else ""


def _jwt(text: str) -> str:
    found = read_claims(Secret(text))
    return shown(f"{found.issuer} {found.subject}")


def _tokens(data: bytes) -> None:
    read_tokens(json_object(data), _NOW)


def _process(data: bytes) -> None:
    credential_json.read_keys(json_object(data), credential_json.PROCESS)


def _record(data: bytes) -> None:
    found = read_record(data)
    if found is not None:
        as_record(found)


def _item(text: str) -> None:
    """The hot path answers with no item that the full path would not use."""
    at_once = line_of_item(text, KEY, _NOW.timestamp(), 60)
    session = read_item(text, KEY) if at_once is None else _whole(text)
    if at_once is not None:
        assert json.loads(at_once[0])["AccessKeyId"] == session.credentials.access_key_id


def _whole(text: str) -> Any:
    try:
        return read_item(text, KEY)
    except Damaged as damage:
        raise AssertionError(f"the hot path hands out a damaged item: {damage}") from None


def _index(text: str) -> None:
    index = read_text(text, _NOW)
    assert read_text(as_text(index, _NOW), _NOW).sessions == index.sessions


def _moment(text: str) -> None:
    read_moment(text)


def _arn(text: str) -> str:
    account_of(text)
    is_principal(text)
    return str(RoleArn.parse(text))


def _split(given: tuple[str, str]) -> None:
    text, platform = given
    words = split_command(text, platform)
    if platform == "linux":
        assert words == shlex.split(text)


def _quoted(given: tuple[str, str]) -> str:
    """A word is one word of its shell; what is typed shows all that it has."""
    name, text = given
    found = dialect(name)
    word = found.quote(text)
    if name in ("sh", "dash", "bash", "zsh", "ksh") and "$'" not in word:
        assert shlex.split(word) == [text]
    found.render([("ROLEHOP_CHAIN", text), ("AWS_PROFILE", None)])
    return found.argument(text)


_ARNS = ["arn:aws:iam::111111111111:role/a/b", "111111111111:role/X", "arn:aws-cn:sts::1:x"]
_COMMANDS = ["/usr/bin/tool --a 'b c' \"d\"", 'C:\\a b\\c.exe "x y" \\"z\\"']
encoded = mutated_bytes(SAML).map(lambda data: base64.b64encode(data).decode())

_PARSERS = [
    Parser("AWS config", st.tuples(mutated(AWS_CONFIG), mutated(AWS_CONFIG)), _aws_config),
    Parser(
        "policy documents",
        st.tuples(json_text(POLICIES), st.sampled_from(Kind)),
        _policy,
        (PolicyError,),
    ),
    Parser("IAM inventories", json_text(INVENTORY), read_inventory, (InvalidInventory,)),
    Parser("access-denied texts", mutated(DENIED), _denied),
    Parser("SAML", encoded | mutated(SAML), lambda text: read_assertion(Secret(text)), (ValueError,)),
    Parser("JWT", mutated(TOKENS), _jwt, (ValueError,)),
    Parser("OAuth tokens", json_bytes([SIGN_IN]), _tokens, (ValueError,)),
    Parser("credential_process output", json_bytes([PROCESS]), _process, (ValueError,)),
    Parser("records", mutated_bytes([RECORD]), _record),
    Parser("stored sessions", mutated([ITEM]) | json_text([json.loads(ITEM.split("\n")[0])]), _item, (Damaged,)),
    Parser("stored documents", mutated([OWN_DOCUMENT]), lambda text: read_document(text, "keys/alice"), (Damaged,)),
    Parser("index", json_text([INDEX]), _index),
    Parser("times", mutated(["2026-01-01T12:00:00Z", "2026-01-01T12:00:00.5+01:00"]), _moment, (ValueError,), 2),
    Parser("durations", mutated(["1h30m", "900", "12h"]), parse_duration, (ValueError,), 2),
    Parser("ARNs", mutated(_ARNS), _arn, (ValueError,), 2),
    Parser(
        "command lines",
        st.tuples(mutated(_COMMANDS), st.sampled_from(["linux", "win32"])),
        _split,
        (ValueError,),
        2,
    ),
    Parser(
        "shell quoting",
        st.sampled_from(list(product(SHELLS, [""]))).flatmap(
            lambda pair: st.tuples(st.just(pair[0]), pieces | st.text() | mutated(["prod admin"]))
        ),
        _quoted,
        (ValueError,),
        8,
    ),
]  # fmt: skip
