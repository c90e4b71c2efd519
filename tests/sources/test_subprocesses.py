"""Programs that a source runs: their deadline, and how waiting processes learn of them."""

from __future__ import annotations

import base64
import random
import string
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rolehop.base.dataclass import replace
from rolehop.base.errors import SourceError
from rolehop.base.threads import call_within
from rolehop.sources import programs
from rolehop.sources.program_state import program_state
from rolehop.sources.programs import masked, program_output, source_command_output
from rolehop.vault import locks
from tests.sources.conftest import Home
from tests.sources.machines import Typist


def test_without_a_terminal_a_program_ends_before_those_who_wait_give_up() -> None:
    assert programs.DEADLINE < locks.DEADLINE_SECONDS < 60


def test_without_a_terminal_a_program_gets_less_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "DEADLINE", 0.3)
    with pytest.raises(SourceError, match="x did not finish") as caught:
        source_command_output(["sh", "-c", "sleep 300"], home.context(), what="x")
    assert caught.value.cause == "sh ran for 0.3 s and was stopped"
    assert caught.value.fix
    person = replace(home.context(), person=Typist())
    slow = ["sh", "-c", "sleep 1; echo done"]
    assert source_command_output(slow, person, what="x") == b"done\n"


def test_others_see_that_it_may_wait_for_a_person(home: Home, tmp_path: Path) -> None:
    asked: list[str] = []

    class Locks:
        @contextmanager
        def waiting_for_person(self, what: str = "") -> Iterator[None]:
            asked.append("begins")
            yield
            asked.append("ends")

        def hold(self, name: str) -> AbstractContextManager[None]:
            raise AssertionError(name)

    context = replace(home.context(), locks=Locks())
    assert source_command_output(["echo", "it"], context, what="x") == b"it\n"
    assert asked == ["begins", "ends"]


def test_too_much_output_says_what_to_do(home: Home) -> None:
    with pytest.raises(SourceError, match="far too much") as caught:
        source_command_output(["yes"], home.context(), what="x")
    assert caught.value.cause == "yes: over 1,000,000 bytes on its stdout"
    assert "stdout" in str(caught.value.fix)


# A JSON Web Token, base64 as `base64` breaks it, and the secret key of AWS's documentation.
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
BASE64 = base64.b64encode(b"<samlp:Response>" + bytes(range(256))).decode()
KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

READABLE = [
    # Paths, those of 40 characters included.
    "/opt/homebrew/share/aws/session/managers",
    "/Users/Alice/Projects/Infra2/Tools/Aws42",
    "/home/alice/Documents/Work/Config/Aws/v2",
    "src/main/java/com/example/MyServiceTests",
    "/home/me/.cache/uv/archive-v0/kHr1uNMnCm3chouv/pygments/lexers/abcdefgh.py",
    "node:internal/modules/cjs/loader:1228",
    "C:\\Users\\alice\\AppData\\Local\\Programs\\aws.exe",
    "cannot read token: /var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/secrets/token",
    "token=~/.config/token",
    "password: ./password.txt is not there",
    # Words.
    "Enter password:",
    "invalid token: expired",
    "Error: no token: try again.",
    "password: Incorrect!",
    "secret: arn:aws:secretsmanager:eu-west-1:111111111111:secret:x",
    "token_type=x",
    "exit code: 7",
    "AccessKeyId AKIAIOSFODNN7EXAMPLE",
    "ping: 12 ms",
    "open https://idp.example/?token=abc",
]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (JWT, "[hidden]"),
        (f"token={JWT};", "token=[hidden];"),
        (f"https://idp.example/?t={JWT}", "https://idp.example/?t=[hidden]"),
        (BASE64[:76], "[hidden]"),
        (f"got '{BASE64}', sorry", "got '[hidden]', sorry"),
        (
            f'{{"url":"https://x","SAMLResponse":"{BASE64}"}}',
            '{"url":"https://x","SAMLResponse":"[hidden]"}',
        ),
        # An AWS secret access key, in all that programs write around it.
        (KEY, "[hidden]"),
        (f"the key is {KEY}.", "the key is [hidden]."),
        (f"aws_secret_access_key = {KEY}", "aws_secret_access_key = [hidden]"),
        (f"export AWS_SECRET_ACCESS_KEY={KEY}", "export AWS_SECRET_ACCESS_KEY=[hidden]"),
        (f'{{"SecretAccessKey": "{KEY}"}}', '{"SecretAccessKey": "[hidden]"}'),
        (f"AKIAIOSFODNN7EXAMPLE:{KEY}", "AKIAIOSFODNN7EXAMPLE:[hidden]"),
        (f"(key '{KEY}')", "(key '[hidden]')"),
        ("Hv3/7bQ+ZkX0pLwY9sTfR2mNcJ8dGaUeWiOqKy1B", "[hidden]"),
        # Values that are named as a secret.
        ("password=hunter2", "password=[hidden]"),
        ("Password: hunter2, again", "Password: [hidden], again"),
        ("password='correct horse'", "password='[hidden]'"),
        ("--client-secret=s3cr3t --region=x", "--client-secret=[hidden] --region=x"),
        ("token: 12ab", "token: [hidden]"),
        ('"refresh_token": "abc", "expires": 1', '"refresh_token": "[hidden]", "expires": 1'),
        ("AWS_SESSION_TOKEN=abc", "AWS_SESSION_TOKEN=[hidden]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
        ("PIN: 123456", "PIN: [hidden]"),
        ("api_key=abc&x=1", "api_key=[hidden]&x=1"),
        ("KEYRING_PROPERTY_KEYRING_KEY=abc", "KEYRING_PROPERTY_KEYRING_KEY=[hidden]"),
        ("https://me:hunter2@host.example/x", "https://me:[hidden]@host.example/x"),
        # What people need to read.
        *((said, None) for said in READABLE),
        ("touch the key", "touch the key"),
        (f"open https://idp.example/{'a' * 50}?state={'b' * 43}", None),
        (
            "arn:aws:iam::111111111111:role/AWSReservedSSO_AdministratorAccess_0123456789abcdef",
            None,
        ),
        ("111111111111:role/AWSReservedSSO_AdministratorAccess_0123456789abcdef", None),
        ("/usr/lib/python3/dist-packages/botocore/credentials.py", None),
        ("id 0f3b0f3b-0f3b-0f3b-0f3b-0f3b0f3b0f3b", None),
    ],
)
def test_what_looks_like_a_token_is_masked(said: str, shown: str | None) -> None:
    assert masked(said) == (said if shown is None else shown)


def test_of_a_thousand_keys_none_is_shown() -> None:
    choice = random.Random(1)  # noqa: S311 - the same keys again
    letters = string.ascii_letters + string.digits + "+/"
    keys = ["".join(choice.choices(letters, k=40)) for _ in range(1000)]
    assert [key for key in keys if masked(key) != "[hidden]"] == []


def test_masking_a_long_line_takes_no_time() -> None:
    # Quadratic time would exceed this guard by far; nothing else is measured.
    texts = ("eyJ" * 300_000, "a/" * 400_000, "eyJa." * 200_000, "token" * 200_000)
    assert len(call_within(60, lambda: [masked(text) for text in texts])) == 4


def test_words_of_a_program_whose_answer_is_a_secret_are_shown_once_and_masked(home: Home) -> None:
    command = ["sh", "-c", f"echo wrong: {BASE64} >&2; exit 1"]
    heard: list[str] = []
    context = replace(home.context(), note=heard.append)
    with pytest.raises(SourceError) as caught:
        source_command_output(command, context, what="x", secret=True)
    assert heard == ["wrong: [hidden]"]
    assert caught.value.cause == "sh ended with code 1; its messages are above"
    with pytest.raises(SourceError) as caught:  # -q: nothing stands above
        source_command_output(command, replace(context, quiet=True), what="x", secret=True)
    assert caught.value.cause == "wrong: [hidden]"
    with pytest.raises(SourceError) as caught:
        source_command_output(["false"], context, what="x", secret=True)
    assert caught.value.cause == "false ended with code 1"


def test_a_program_that_was_killed_is_reported_with_its_signal(home: Home) -> None:
    with pytest.raises(SourceError) as caught:
        source_command_output(["sh", "-c", "kill -9 $$"], home.context(), what="x")
    assert caught.value.cause == "sh was killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("text", "mode", "way_out"),
    [
        ("echo it\n", 0o700, "a line that names its interpreter, e.g. #!/bin/sh"),
        ("#!/bin/sh\n", 0o600, "chmod +x"),
        ("#!/nonexistent/sh\n", 0o700, "the interpreter that it names does not exist"),
        (None, 0o700, "correct the path of the program"),
    ],
    ids=["no-interpreter-line", "not-executable", "no-interpreter", "absent"],
)
def test_a_program_by_its_whole_path_that_cannot_be_started_says_what_to_fix(
    home: Home, tmp_path: Path, text: str | None, mode: int, way_out: str
) -> None:
    program = tmp_path / "tool"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    with pytest.raises(SourceError, match="x cannot be started") as caught:
        source_command_output([str(program)], home.context(), what="x")
    assert way_out in str(caught.value.fix)


@pytest.fixture
def no_keeper(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Start programs as on macOS: this Python looks like a part of another program there."""
    if request.param:
        other = tmp_path_factory.mktemp("part") / "other"
        other.symlink_to(sys.executable)
        monkeypatch.setattr(sys, "executable", str(other))


BOTH = pytest.mark.parametrize("no_keeper", [False, True], ids=["kept", "not-kept"], indirect=True)


@BOTH
@pytest.mark.usefixtures("no_keeper")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/nonexistent/python\n", "its interpreter is missing"),
        ("echo me\n", "exec format error"),
    ],
)
def test_a_program_that_cannot_be_started_is_not_replaced_by_another_one_on_path(
    tmp_path: Path, text: str, reason: str
) -> None:
    """The first one is in the key of the sessions, so they must not be those of the second one."""
    for folder, content in (("first", text), ("second", "#!/bin/sh\necho somebody else\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text(content)
        (tmp_path / folder / "tool").chmod(0o700)
    environ = {"PATH": f"{tmp_path / 'first'}:{tmp_path / 'second'}"}
    with pytest.raises(SourceError, match="x cannot be started") as caught:
        program_output(["tool"], environ, what="x", say=print)
    assert caught.value.cause == f"{tmp_path / 'first' / 'tool'}: {reason}"


@BOTH
@pytest.mark.usefixtures("no_keeper")
def test_a_program_is_called_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tool").symlink_to("/bin/sh")
    script = ["-c", "tr '\\0' ' ' </proc/$$/cmdline"]
    said = program_output(["tool", *script], {"PATH": f"{tmp_path}:/bin"}, what="x", say=print)
    assert said.startswith(b"tool -c ")
    monkeypatch.chdir(tmp_path)  # an empty name on PATH is the working folder
    said = program_output(["tool", *script], {"PATH": ":/bin"}, what="x", say=print)
    assert said.startswith(b"tool -c ")


def test_the_program_that_was_looked_up_for_the_key_is_the_one_that_runs(
    home: Home, tmp_path: Path
) -> None:
    def install(folder: str, says: str) -> None:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / folder / "tool").chmod(0o700)

    install("second", "the one")
    context = home.context()
    path = f"{tmp_path / 'first'}:{tmp_path / 'second'}:{context.environ['PATH']}"
    context = replace(context, environ={**context.environ, "PATH": path})
    program_state(["tool"], context)
    program_state(["late-tool"], context)
    install("first", "another")
    (tmp_path / "first" / "late-tool").symlink_to("tool")
    assert source_command_output(["tool"], context, what="x") == b"the one\n"
    with pytest.raises(SourceError, match="x cannot be started"):
        source_command_output(["late-tool"], context, what="x")


def test_a_program_that_is_not_on_path_says_so(home: Home) -> None:
    with pytest.raises(SourceError) as caught:
        source_command_output(["no-such-tool"], home.context(), what="x")
    assert caught.value.cause == "no-such-tool: it is not on PATH"


def test_a_program_by_its_name_alone_is_to_be_named_whole(home: Home) -> None:
    with pytest.raises(SourceError) as caught:
        source_command_output(["no-such-tool"], home.context(), what="x")
    assert "write the program's whole path" in str(caught.value.fix)
