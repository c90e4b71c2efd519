"""What is stored, as the index has it; and what the config of the next moment makes of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.app.config_files import append_chain
from rolehop.app.context import App
from rolehop.app.mfa_codes import mfa_codes
from rolehop.app.planning import Planning
from rolehop.app.ports import Nobody
from rolehop.app.sdk_problems import as_problem, note_problem
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, SourceError, UsageError
from rolehop.commands.sessions.stored import failures_of, stored
from rolehop.commands.shell.scripts import init_script, install_init_script
from rolehop.commands.source.sources import sources_with_sign_in
from rolehop.plan.walk_options import WalkOptions
from rolehop.sources import base_of, profiles_with_sign_in, token_name
from rolehop.vault.index import Index, make_entry
from tests.vault.samples import session

CONFIG = """version = 1
[sources.me]
type = "environment"
[chains.hub]
source = "me"
"""
SESSIONS = "".join(
    f"""[sso-session {name}]
sso_start_url = https://{name}.awsapps.com/start
sso_region = eu-west-1
[profile {name}]
sso_session = {name}
sso_account_id = 111111111111
sso_role_name = Reader
"""
    for name in ("corp", "shop")
)


@pytest.fixture
def app(tmp_path: Path) -> App:
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / ".aws").mkdir(mode=0o700)
    own = {"HOME": str(tmp_path), "ROLEHOP_CONFIG": str(tmp_path / "config.toml")}
    backend = {"PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.InMemory"}
    return App({**own, **backend}, tmp_path, read_line=lambda: "12345")


def again(app: App, **settings: str) -> App:
    return App(app.variables, app.home, read_line=app.read_line, **settings)  # type: ignore[arg-type]


def test_of_two_profiles_the_one_that_is_signed_in_is_shown_without_an_end(app: App) -> None:
    app.aws_files[0].write_text(SESSIONS)
    (corp, _) = profiles_with_sign_in({}, app.source_context)
    name = token_name(base_of(corp, lambda: app.aws_config), lambda: app.source_context)
    assert name is not None
    app.index_store.change(
        lambda index: replace(index, sign_ins={name: "generation"}, lost=False, damaged=False)
    )
    (row,) = stored(again(app)).sign_ins
    assert (row.sources, row.ends_at, row.renews) == (("corp",), None, False)


def test_a_config_that_was_named_must_be_there_before_anything_is_listed(app: App) -> None:
    with pytest.raises(ConfigError):
        stored(again(app, config_file=str(app.home / "none.toml")))
    named = again(app, config_file=str(app.home / "config.toml"))
    assert list(stored(named).sessions) == []


def test_a_chain_is_not_added_to_a_config_that_has_changed_meanwhile(app: App) -> None:
    file, chain = app.home / "config.toml", '[chains.new]\nsource = "me"\n'
    assert set(app.config.chains) == {"hub"}
    other = f'{CONFIG}[chains.late]\nsource = "me"\n'
    file.write_text(other)
    with pytest.raises(ConfigError, match="has changed in the meantime"):
        append_chain(app, "new", chain)
    assert file.read_text() == other
    append_chain(again(app), "new", chain)
    assert set(again(app).config.chains) == {"hub", "late", "new"}


def test_where_nothing_can_be_signed_in_to_the_sources_are_named(app: App) -> None:
    with pytest.raises(UsageError, match="no source of the config has a sign-in"):
        sources_with_sign_in(app)


def test_standard_input_gives_one_code_of_six_digits(app: App) -> None:
    codes = mfa_codes(
        app, app.config.sources["me"], "hub", Nobody("this is a test"), from_stdin=True
    )
    for what in ("standard input holds no MFA code", "a second MFA code is needed"):
        with pytest.raises(SourceError, match=what):
            codes.use("arn:aws:iam::111111111111:mfa/me", "to assume it", lambda code: code)


def test_a_shell_without_a_start_up_text_gets_none(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init_script(app, "dash") == ""
    assert install_init_script(app, "dash") is None
    monkeypatch.setenv("XDG_DATA_HOME", str(app.home / "two\nlines"))
    with pytest.raises(UsageError, match="the data folder's name is not printable"):
        install_init_script(app, "bash")


WALKED = """version = 1
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub" }]
[chains.admin]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[chains.again]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[chains.other]
source = "me"
hops = [{ role = "999999999999:role/Other" }]
[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""


def walked(app: App, name: str, index: Index, *, flag: WalkOptions | None = None) -> Index:
    """Return the index after a walk of a chain, in which every hop made a call."""
    for step in Planning(app).plan(name, flag).hops:
        entry = make_entry(step, session(issued_at=app.now()), name, "b", None, app.now())
        index = index if step.key in index.sessions else index.with_session(entry)
    return index


def test_a_session_is_of_every_chain_whose_plan_has_it_and_hangs_below_its_parent(app: App) -> None:
    (app.home / "config.toml").write_text(WALKED)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}
    app = App({**app.variables, **keys}, app.home)
    index = walked(app, "spokes/555555555555", walked(app, "admin", Index()))
    index = walked(app, "admin", index, flag=WalkOptions(tags=(("team", "a"),)))
    app.index_store.change(lambda _: index)
    users = [((each.role or "")[13:], each.chains) for each in stored(again(app)).sessions]
    spokes = ("spokes/444444444444", "spokes/555555555555")
    assert (
        users
        == [
            ("222222222222:role/Hub", ("admin", "hub", "again", *spokes)),
            ("333333333333:role/Admin", ("admin", "again")),
            ("333333333333:role/Admin", ("admin",)),  # with a tag
            ("555555555555:role/Audit", spokes[1:]),
        ]
    )
    for pattern, roles in {
        "hub": ["Hub"],
        "again": ["Hub", "Admin"],
        "admin": ["Hub", "Admin", "Admin"],
        "spokes/5*": ["Hub", "Audit"],
        "other": [],
    }.items():
        rows = stored(again(app), (pattern,)).sessions
        assert [(each.role or "").rpartition("/")[2] for each in rows] == roles
        assert all(each.parent == rows[0].key for each in rows[1:])


ID = "00000000-0000-0000-0000-000000000000"
ON_TOKEN = f"""type = "roles-anywhere"
trust_anchor = "arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/{ID}"
profile = "arn:aws:rolesanywhere:eu-west-1:111111111111:profile/{ID}"
role = "111111111111:role/Start"
pkcs11 = "pkcs11:token=work;object=me?module-path=/none.so"
"""


def test_for_a_certificate_on_a_token_only_the_index_is_asked(app: App) -> None:
    """Its driver would be loaded, and a hung card would hang `status`."""
    text = WALKED.replace('type = "environment"\n', ON_TOKEN)
    (app.home / "config.toml").write_text(text)
    index = walked(app, "admin", Index())
    app.index_store.change(lambda _: index)
    rows = stored(again(app)).sessions
    assert [each.chains for each in rows] == [("admin",), ("admin",)]


def test_a_failure_of_a_name_that_nothing_has_is_left_out_after_an_hour(app: App) -> None:
    app.aws_files[0].write_text(
        "[profile other]\ncredential_process = rolehop credential-process removed\n"
    )
    for name in ("typo", "removed", "hub"):
        for hours in (2, 0):
            at = app.now() - timedelta(hours=hours)
            error = ConfigError(f"no chain or AWS profile is called '{name}'")
            note_problem(app.state_folder, as_problem(name, error, at))
            shown = {each.chain for each in failures_of(again(app))}
            assert (name in shown) == (name != "typo" or not hours)
