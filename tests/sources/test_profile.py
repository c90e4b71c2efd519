from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import ConfigError, RolehopError, SourceError
from rolehop.config.model import HopConfig, SourceConfig
from rolehop.sources import build_source, diagnose, expand, first_problem, programs, stamp_of

if TYPE_CHECKING:
    from tests.sources.conftest import Home
else:
    Home = Any

SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"
TOKEN = "IQoJTOKENTOKENTOKEN=="
ROLE = "arn:aws:iam::111111111111:role/A"
SERIAL = "arn:aws:iam::111111111111:mfa/alice"
KEYS = f"aws_access_key_id = AKIAFILE\naws_secret_access_key = {SECRET}\n"
A = f"[profile a]\nrole_arn = {ROLE}\n"
KEY_ID = "ASIAPROCESS000000001"
DOCUMENT = {
    "Version": 1,
    "AccessKeyId": KEY_ID,
    "SecretAccessKey": SECRET,
    "SessionToken": TOKEN,
    "Expiration": "2026-08-01T13:00:00Z",
    "AccountId": "111111111111",
}
NoSecret = Callable[[RolehopError], None]


class TestExpand:
    def test_roles_become_hops_and_the_base_is_what_is_below(self, home: Home) -> None:
        home.write(f"[profile user]\n{KEYS}{A}source_profile = user\nmfa_serial = {SERIAL}\n")
        base, hops, notes = expand(home.source("a"), home.context().aws)
        assert base.settings == {"profile": "user", "base": "profile", "mfa_serial": SERIAL}
        assert (base.name, base.type) == ("x", "profile")
        assert (hops, notes) == ((HopConfig(ROLE),), ())

    def test_the_device_of_the_config_wins(self, home: Home) -> None:
        home.write(f"[profile user]\n{KEYS}{A}source_profile = user\nmfa_serial = {SERIAL}\n")
        source = SourceConfig("x", "profile", {"profile": "a", "mfa_serial": "auto"})
        base, _, _ = expand(source, home.context().aws)
        assert base.settings["mfa_serial"] == "auto"

    def test_credential_source_environment_is_an_environment_source(self, home: Home) -> None:
        home.write(f"{A}credential_source = Environment\n")
        home.environ |= {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": SECRET}
        context = home.context()
        base, hops, _ = expand(home.source("a"), context.aws)
        assert (base.type, base.settings, hops) == ("environment", {}, (HopConfig(ROLE),))
        assert stamp_of(base, context).value == "AKIAENV"

    def test_what_is_expanded_stays_as_it_is(self, home: Home) -> None:
        home.write(f"{A}{KEYS}source_profile = a\n")
        aws = home.context().aws
        base, hops, _ = expand(home.source("a"), aws)
        assert hops == (HopConfig(ROLE),)
        assert expand(base, aws) == (base, (), ())

    def test_other_sources_stay_as_they_are(self, home: Home) -> None:
        source = SourceConfig("alice", "keys")
        assert expand(source, home.context().aws) == (source, (), ())

    def test_a_base_shared_by_two_roles_is_the_same(self, home: Home) -> None:
        text = f"[profile user]\n{KEYS}{A}source_profile = user\n"
        home.write(text + text[text.index("[profile a]") :].replace("profile a", "profile b"))
        context = home.context()
        first, second = (expand(home.source(name), context.aws)[0] for name in ("a", "b"))
        assert first == second
        assert stamp_of(first, context) == stamp_of(second, context)

    def test_a_profile_that_was_not_expanded_is_not_used(self, home: Home) -> None:
        home.write(f"{A}{KEYS}source_profile = a\n")
        with pytest.raises(ValueError, match="expanded"):
            build_source(home.source("a"), home.context())

    def test_an_unknown_profile_is_reported_with_the_nearest_names(self, home: Home) -> None:
        home.write("[profile production]\nregion = eu-west-1\n")
        with pytest.raises(SourceError) as caught:
            expand(home.source("producton"), home.context().aws)
        assert caught.value.fix == "did you mean 'production'"

    def test_a_loop_is_refused(self, home: Home) -> None:
        home.write(
            f"{A}source_profile = b\n{A.replace('profile a', 'profile b')}source_profile = a\n"
        )
        with pytest.raises(ConfigError) as caught:
            expand(home.source("a"), home.context().aws)
        assert caught.value.cause == "its source profiles form a loop: a -> b -> a"


class TestStaticKeys:
    def test_they_are_read_and_can_carry_mfa(self, home: Home) -> None:
        home.write("[profile user]\nregion = eu-west-1\n", f"[user]\n{KEYS}")
        context = home.context()
        base, _, _ = expand(home.source("user"), context.aws)
        stamp = stamp_of(base, context)
        assert (stamp.long_lived, stamp.stored, stamp.problem) == (True, False, None)
        assert home.load("user") == Credentials("AKIAFILE", Secret(SECRET))

    def test_a_session_in_the_file_is_not_long_lived(self, home: Home) -> None:
        home.write("", f"[user]\n{KEYS}aws_session_token = {TOKEN}\n")
        context = home.context()
        base, _, _ = expand(home.source("user"), context.aws)
        assert not stamp_of(base, context).long_lived
        assert home.load("user") == Credentials("AKIAFILE", Secret(SECRET), Secret(TOKEN))

    @pytest.mark.parametrize(
        "key",
        ["aws_expiration", "x_security_token_expires", "aws_session_expiration", "expiration"],
    )
    def test_a_session_ends_when_the_tool_says_that_left_it_there(
        self, home: Home, key: str
    ) -> None:
        now = home.context().now().replace(microsecond=0)

        def end(written: str) -> datetime | None:
            text = f"[user]\n{KEYS}aws_session_token = {TOKEN}\n{key} = {written}\n"
            home.write("", text)
            loaded = home.load("user")
            assert loaded is not None
            return loaded.expires_at

        soon = now + timedelta(hours=1)
        assert end(soon.isoformat()) == soon
        assert end(f"{soon:%Y-%m-%dT%H:%M:%S}.000Z") == soon
        for wrong in ("1785589200", "soon", f"{soon:%Y-%m-%d %H:%M:%S}"):
            assert end(wrong) is None
        for other in (now - timedelta(hours=1), now + timedelta(days=9)):  # left by another session
            assert end(other.isoformat()) is None

    def test_other_keys_are_another_stamp(self, home: Home) -> None:
        stamps = []
        for key in ("AKIAFILE", "AKIAOTHER"):
            home.write("", f"[user]\n{KEYS}".replace("AKIAFILE", key))
            context = home.context()
            base, _, _ = expand(home.source("user"), context.aws)
            stamps.append(stamp_of(base, context).value)
        assert stamps[0] != stamps[1]

    def test_half_a_key_is_a_problem_and_an_error(
        self, home: Home, tells_no_secret: NoSecret
    ) -> None:
        home.write("", "[user]\naws_access_key_id = AKIAFILE\n")
        context = home.context()
        base, _, _ = expand(home.source("user"), context.aws)
        what = "the keys of AWS profile 'user' are not complete"
        assert str(stamp_of(base, context).problem).startswith(what)
        with pytest.raises(SourceError, match=what) as caught:
            home.load("user")
        tells_no_secret(caught.value)


class TestProcess:
    def profile(self, home: Home, command: object, extra: str = "") -> None:
        home.write(f"[profile p]\ncredential_process = {command}\n{extra}")

    def test_what_the_process_prints_is_loaded(self, home: Home) -> None:
        self.profile(home, home.printing(DOCUMENT))
        assert home.load("p") == Credentials(
            KEY_ID, Secret(SECRET), Secret(TOKEN), datetime(2026, 8, 1, 13, tzinfo=UTC)
        )

    def test_its_stamp_is_its_definition_and_its_session_is_stored(self, home: Home) -> None:
        stamps = []
        for command in ("one", "two"):
            self.profile(home, command)
            context = home.context()
            base, _, _ = expand(home.source("p"), context.aws)
            stamps.append(stamp_of(base, context))
        assert stamps[0].value != stamps[1].value
        assert (stamps[0].stored, stamps[0].long_lived) == (True, False)
        assert stamps[0].may_be_keys

    def test_a_short_session_does_not_run_it_twice(self, home: Home) -> None:
        at = home.now + timedelta(minutes=5)
        self.profile(home, home.printing({**DOCUMENT, "Expiration": at.isoformat()}))
        assert home.load("p") == Credentials(KEY_ID, Secret(SECRET), Secret(TOKEN), at)
        assert (home.path / "runs").read_text() == "x"

    def test_keys_without_a_token_are_what_they_are(self, home: Home) -> None:
        document = {key: DOCUMENT[key] for key in ("Version", "AccessKeyId", "SecretAccessKey")}
        self.profile(home, home.printing(document))
        assert home.load("p") == Credentials(KEY_ID, Secret(SECRET))

    def test_the_variables_of_other_credentials_do_not_reach_it(self, home: Home) -> None:
        home.environ |= {
            "AWS_ACCESS_KEY_ID": "AKIAENV",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_ACCESS_KEY": "AKIAENV",
            "AWS_SECRET_KEY": SECRET,
            "AMAZON_ACCESS_KEY_ID": "AKIAENV",
            "AMAZON_SECRET_ACCESS_KEY": SECRET,
            "AMAZON_SESSION_TOKEN": TOKEN,
            "AWS_PROFILE": "missing",
            "AWS_DEFAULT_PROFILE": "missing",
            "AWS_REGION": "eu-west-1",
            "ROLEHOP_MFA_CODE": "123456",
        }
        self.profile(home, home.noting_variables(DOCUMENT))
        assert home.load("p") is not None
        ours = {
            name for name in home.variables() if name.startswith(("AMAZON_", "AWS_", "ROLEHOP_"))
        }
        assert ours == {"AWS_METADATA_SERVICE_TIMEOUT", "AWS_REGION", "ROLEHOP_RESOLVING"}

    def test_it_is_asked_for_as_a_source_profile_too(self, home: Home) -> None:
        self.profile(home, home.printing(DOCUMENT), A + "source_profile = p\n")
        found = home.load("a")
        assert found is not None
        assert found.access_key_id == KEY_ID

    @pytest.mark.parametrize(
        ("body", "cause"),
        [
            pytest.param(
                "import sys\nsys.exit('\\x1b[31mno\\tcard\\x1b[0m')\n", "[31mno card[0m", id="its-stderr-cleaned"
            ),
            pytest.param(f"print({SECRET!r})\nraise SystemExit(3)\n", "ended with code 3", id="silent"),
            pytest.param(f"print({SECRET!r})\n", "it is not a JSON object", id="no-json"),
            pytest.param("", "it printed nothing", id="nothing"),
            pytest.param(f"print('[\"{SECRET}\"]')\n", "it is not a JSON object", id="a-list"),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'Version': 2})!r})\n", "Version must be the number 1", id="version"
            ),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'AccessKeyId': None})!r})\n", "AccessKeyId is missing", id="no-key",
            ),
            pytest.param(
                f"print({json.dumps({'Version': 1, 'SecretAccessKey': SECRET})!r})\n",
                "AccessKeyId is missing", id="key-left-out",
            ),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'Expiration': '2126-08-01T13:00:00'})!r})\n",
                "Expiration has no time zone", id="expiration-without-zone",
            ),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'Expiration': SECRET})!r})\n",
                "Expiration is not a time", id="expiration-that-is-none",
            ),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'SessionToken': [TOKEN]})!r})\n",
                "SessionToken is not text", id="token-that-is-no-text",
            ),
            pytest.param(
                f"print({json.dumps({**DOCUMENT, 'Expiration': '2020-01-01T00:00:00Z'})!r})\n",
                "they ended at 2020-01-01T00:00:00Z", id="expired",
            ),
        ],
    )  # fmt: skip
    def test_a_process_that_fails_is_reported(
        self, body: str, cause: str, home: Home, tells_no_secret: NoSecret
    ) -> None:
        self.profile(home, f"{home.script('process', body)} --password {SECRET}")
        with pytest.raises(SourceError) as caught:
            home.load("p")
        assert cause in (caught.value.cause or "")
        assert "AWS profile 'p'" in caught.value.what
        tells_no_secret(caught.value)

    @pytest.mark.parametrize(
        ("command", "cause"),
        [
            pytest.param(f"/nowhere/x {SECRET}", "/nowhere/x: no such file or directory", id="absent"),
            pytest.param("~/bin/x", "~/bin/x: no such file or directory", id="nobody-expands-home"),
            pytest.param("/tmp", "/tmp: permission denied", id="no-program"),  # noqa: S108
            pytest.param("'open", "a quote in it is not closed", id="open-quote"),
            pytest.param("", None, id="empty"),
        ],
    )  # fmt: skip
    def test_a_process_that_cannot_start_is_reported(
        self, command: str, cause: str | None, home: Home, tells_no_secret: NoSecret
    ) -> None:
        self.profile(home, command)
        with pytest.raises(SourceError) as caught:
            home.load("p")
        assert caught.value.cause == cause
        tells_no_secret(caught.value)

    def test_a_process_that_hangs_is_stopped(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(programs, "DEADLINE", 0.5)
        self.profile(home, home.script("process", "import time\ntime.sleep(60)\n"))
        with pytest.raises(SourceError) as caught:
            home.load("p")
        assert caught.value.what == "the credential_process of AWS profile 'p' did not finish"

    @pytest.mark.parametrize(
        ("command", "found", "good"),
        [
            ("PROCESS", "there", True),
            ("/nowhere/x", "it is not there", False),
            ("no-such-program", "it is not on PATH", False),
            ("/tmp", "it is not executable", False),  # noqa: S108
            ("'open", "cannot be read: a quote in it is not closed", False),
        ],
    )
    def test_source_test_says_whether_its_program_is_there(
        self, command: str, found: str, good: bool, home: Home
    ) -> None:
        self.profile(home, command.replace("PROCESS", str(home.printing(DOCUMENT))))
        context = home.context()
        base, _, _ = expand(home.source("p"), context.aws)
        held, program = diagnose(base, context)
        assert (held.found, held.good) == ("credential_process", True)
        assert found in program.found
        assert program.good is good
        assert (first_problem(diagnose(base, context)) is None) is good
        assert not (home.path / "runs").exists()

    def test_the_device_of_hop_1_stays_for_keys_that_it_may_give(self, home: Home) -> None:
        self.profile(home, "x", f"{A}source_profile = p\nmfa_serial = {SERIAL}\n")
        base, _, notes = expand(home.source("a"), home.context().aws)
        assert (base.settings["mfa_serial"], notes) == (SERIAL, ())


class TestLoops:
    @pytest.mark.parametrize(
        ("config", "chains", "loop"),
        [
            pytest.param(
                "[profile p]\ncredential_process = rolehop credential-process c\n",
                {"c": "p"}, "profile 'p' -> chain 'c' -> profile 'p'", id="directly",
            ),
            pytest.param(
                '[profile p]\ncredential_process = "/opt/a b/rolehop" -q credential-process '
                "--min-ttl 20m --no-prompt c\n",
                {"c": "p"}, "profile 'p' -> chain 'c' -> profile 'p'", id="with-options",
            ),
            pytest.param(
                "[profile p]\ncredential_process = python3 -m rolehop credential-process c\n",
                {"c": "p"}, "profile 'p' -> chain 'c' -> profile 'p'", id="as-a-module",
            ),
            pytest.param(
                "[profile p]\ncredential_process = rolehop credential-process p\n",
                {}, "profile 'p' -> chain 'p' -> profile 'p'", id="a-name-that-is-no-chain-is-a-profile",
            ),
            pytest.param(
                "[profile p]\ncredential_process = rolehop credential-process c\n"
                f"{A}source_profile = p\n",
                {"c": "a"}, "profile 'p' -> chain 'c' -> profile 'p'", id="through-a-source-profile",
            ),
            pytest.param(
                "[profile p]\ncredential_process = rolehop credential-process c\n"
                "[profile q]\ncredential_process = rolehop credential-process d\n",
                {"c": "q", "d": "p"},
                "profile 'p' -> chain 'c' -> profile 'q' -> chain 'd' -> profile 'p'", id="over-two",
            ),
        ],
    )  # fmt: skip
    def test_a_loop_through_rolehop_is_shown_whole_before_anything_runs(
        self, config: str, chains: dict[str, str], loop: str, home: Home
    ) -> None:
        home.write(config)
        home.chains = chains
        context = home.context()
        base, _, _ = expand(home.source("p"), context.aws)
        for use in (lambda: stamp_of(base, context), build_source(base, context).load):
            with pytest.raises(SourceError) as caught:
                use()
            assert caught.value.cause == loop

    @pytest.mark.parametrize(
        "command",
        [
            "rolehop credential-process other",
            "rolehop --config x.toml credential-process c",
            "rolehop-helper credential-process c",
            "aws-vault credential-process c",
            "rolehop credential-process",
        ],
    )
    def test_what_is_no_loop_is_none(self, command: str, home: Home) -> None:
        home.write(f"[profile p]\ncredential_process = {command}\n[profile q]\n{KEYS}")
        home.chains = {"c": "p", "other": "q"}
        context = home.context()
        base, _, _ = expand(home.source("p"), context.aws)
        assert stamp_of(base, context).problem is None

    def test_a_process_that_cannot_be_read_is_a_problem_of_the_plan(self, home: Home) -> None:
        home.write("[profile p]\ncredential_process = rolehop export 'c\n")
        context = home.context()
        base, _, _ = expand(home.source("p"), context.aws)
        problem = stamp_of(base, context).problem
        assert problem == (
            "the credential_process of AWS profile 'p' cannot be read: a quote in it is not closed"
        )

    def test_a_loop_behind_a_script_is_seen_from_inside_it(self, home: Home) -> None:
        home.write("[profile 'a,b']\ncredential_process = script\n")
        home.environ["ROLEHOP_RESOLVING"] = "outer,a%2Cb,inner"
        context = home.context()
        base, _, _ = expand(home.source("a,b"), context.aws)
        with pytest.raises(SourceError) as caught:
            stamp_of(base, context)
        assert caught.value.cause == "profile 'a,b' -> profile 'inner' -> profile 'a,b'"

    def test_a_real_process_sees_what_waits_for_it(self, home: Home) -> None:
        home.environ["ROLEHOP_RESOLVING"] = "outer"
        home.write(f"[profile 'p,q']\ncredential_process = {home.noting_variables(DOCUMENT)}\n")
        assert home.load("p,q") is not None
        assert home.variables()["ROLEHOP_RESOLVING"] == "outer,p%2Cq"
