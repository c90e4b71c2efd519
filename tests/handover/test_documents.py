from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import UsageError
from rolehop.handover.formats import as_docker_env, as_dotenv, as_ini

VALUES = {
    "AWS_ACCESS_KEY_ID": "ASIAHUB",
    "AWS_SECRET_ACCESS_KEY": "sEcret/hub+0=",
    "AWS_SESSION_TOKEN": "IQoJ/token+hub==",
    "AWS_CREDENTIAL_EXPIRATION": "2030-01-02T04:04:05Z",
    "AWS_ACCOUNT_ID": "222222222222",
}
REGIONS = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
PLAIN = "".join(f"{name}={value}\n" for name, value in VALUES.items())
CHAINS = ["hub", "default", "spokes/444444444444", "a.b@c+d-e_f", "0", "two words", "profile x"]

# Often what can be written, sometimes what cannot.
values = st.text(st.sampled_from('aZ09+/=:#%!@*&;,."`~ -_?{}()é😀') | st.characters(), min_size=1)


def with_secret(session: Session, secret: str) -> Session:
    keys = Credentials("ASIAHUB", Secret(secret), session.credentials.session_token)
    return replace(session, credentials=keys)


def test_dotenv_and_docker_have_the_aws_variables_alone(session: Session) -> None:
    regions = "AWS_REGION=eu-west-1\nAWS_DEFAULT_REGION=eu-west-1\n"
    assert as_dotenv(session, None) == as_docker_env(session, None) == PLAIN
    assert as_dotenv(session, "eu-west-1") == as_docker_env(session, "eu-west-1") == PLAIN + regions


def test_an_unknown_account_is_left_out(next_session: Session) -> None:
    for text in (as_dotenv(next_session, None), as_docker_env(next_session, None)):
        assert "ACCOUNT" not in text


def read_by_python(text: str) -> dict[str, str | None]:
    dotenv = pytest.importorskip("dotenv")
    found: dict[str, str | None] = dotenv.dotenv_values(stream=io.StringIO(text))
    return found


def read_by_node(text: str) -> dict[str, str | None]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = (
        "const {parseEnv} = require('node:util'); if (!parseEnv) process.exit(9);"
        "const text = require('node:fs').readFileSync(0, 'utf8');"
        "console.log(JSON.stringify(parseEnv(text)))"
    )
    done = subprocess.run(
        [node, "-e", script], input=text.encode(), capture_output=True, timeout=60, check=False
    )
    if done.returncode == 9:
        pytest.skip("this node has no util.parseEnv")
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def test_dotenv_is_read_back_by_python_and_node(session: Session) -> None:
    text = as_dotenv(session, "eu-west-1")
    assert read_by_python(text) == read_by_node(text) == VALUES | REGIONS


@given(values)
def test_python_reads_every_dotenv_that_was_not_refused(session: Session, secret: str) -> None:
    try:
        text = as_dotenv(with_secret(session, secret), None)
    except UsageError:
        return
    assert read_by_python(text) == VALUES | {"AWS_SECRET_ACCESS_KEY": secret}


@settings(max_examples=15, deadline=None)
@given(st.lists(values, min_size=50, max_size=80))
def test_node_reads_every_dotenv_that_was_not_refused(session: Session, secrets: list[str]) -> None:
    # One start of node for many values: each file's names get a number of their own.
    wanted, text = {}, ""
    for number, secret in enumerate(secrets):
        try:
            document = as_dotenv(with_secret(session, secret), None)
        except UsageError:
            continue
        text += re.sub("^AWS_", f"N{number}_", document, flags=re.MULTILINE)
        wanted[f"N{number}_SECRET_ACCESS_KEY"] = secret
    found = read_by_node(text)
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("secret", ["a b", "a#b", 'say "x"', "é", " edges ", "`x`", "😀"])
def test_dotenv_quotes_what_it_can(session: Session, secret: str) -> None:
    text = as_dotenv(with_secret(session, secret), None)
    wanted = VALUES | {"AWS_SECRET_ACCESS_KEY": secret}
    assert read_by_python(text) == read_by_node(text) == wanted


@pytest.mark.parametrize(
    "secret", ["it's", "a\\", "${HOME}", "$HOME", "a\nb", "a\r", "\u2028", "\ud800"]
)
def test_what_readers_of_dotenv_disagree_on_is_refused_unseen(
    session: Session, secret: str
) -> None:
    with pytest.raises(UsageError, match="AWS_SECRET_ACCESS_KEY cannot be written as dotenv") as e:
        as_dotenv(with_secret(session, secret), None)
    assert secret not in f"{e.value.what} {e.value.fix}"


def read_by_docker(text: str) -> dict[str, str]:
    """Read as Docker's CLI does (opts/file.go): trimmed on the left, nothing unquoted."""
    lines = (line.lstrip() for line in text.split("\n"))
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@given(values)
def test_docker_reads_every_value_as_it_is_or_it_was_refused(session: Session, secret: str) -> None:
    try:
        text = as_docker_env(with_secret(session, secret), None)
    except UsageError:
        assert not secret.isprintable()
        return
    assert read_by_docker(text) == VALUES | {"AWS_SECRET_ACCESS_KEY": secret}


@pytest.mark.parametrize("secret", ["a\nb", "a\r", "\x1b", "\ud800"])
def test_docker_cannot_express_a_line_end(session: Session, secret: str) -> None:
    with pytest.raises(UsageError, match="cannot be written as docker-env"):
        as_docker_env(with_secret(session, secret), None)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_the_section_is_read_back_by_botocore(
    session: Session,
    chain: str,
    region: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n"
    text = as_ini(session, chain=chain, region=region)
    (tmp_path / "credentials").write_text(f"{other}\n{text}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    reader = botocore.session.Session(profile=chain)
    credentials = reader.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key, credentials.token) == (
        "ASIAHUB",
        "sEcret/hub+0=",
        "IQoJ/token+hub==",
    )
    assert reader.get_config_variable("region") == region
    assert set(reader.get_scoped_config()) == {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    } | ({"region"} if region else set())


@pytest.mark.parametrize(
    "chain", ["", "DEFAULT", "a]b", "a[b", "a\nb", "a\x1bb", " a", "a ", "a #b", "a;b", "\ud800"]
)
def test_a_name_that_heads_no_section_is_refused(session: Session, chain: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a section"):
        as_ini(session, chain=chain, region=None)


@pytest.mark.parametrize("region", ["eu west", "x\n[other]", "é", "a #b"])
def test_a_value_with_spaces_is_refused_in_a_section(session: Session, region: str) -> None:
    with pytest.raises(UsageError, match="region cannot be written as ini"):
        as_ini(session, chain="hub", region=region)
