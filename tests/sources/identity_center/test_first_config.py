"""``config init`` where somebody starts from Identity Center: signs in, and picks of what is assigned."""

from __future__ import annotations

from tests.doubles.sso import Center
from tests.sources.identity_center.corp import HOME, Corp
from tests.transcripts.session import Answer, Session

ENTER, MARK, ALL, CLEAR = "\r", "\t", "\x01", "\x15"
ACCOUNTS = [f"4{number:011d}" for number in range(120)]


def without_config(corp: Corp, accounts: list[str]) -> Center:
    corp.world.config_file.unlink()
    corp.world.more["AWS_EC2_METADATA_DISABLED"] = "true"  # whatever machine runs the tests
    corp.center.names = {each: f"Team {int(each[1:])} Prod" for each in accounts}
    for account in accounts:
        for role in ("Developer", "Admin"):
            corp.center.assign("alice", account, role)
    return corp.center


def test_from_nothing_to_a_shell_in_five_questions(corp: Corp) -> None:
    """Two pages of accounts, and the portal throttles a call; each wrong answer stays to be mended."""
    center = without_config(corp, ACCOUNTS)
    center.throttles_every = 100
    at = Session(corp.world, 80)
    answers: list[Answer] = [
        ("Where do you start?", f"sso{ENTER}"),
        ("Start URL?", f"http://corp.awsapps.com/start{ENTER}"),
        ("! not an https address", f"{CLEAR}https://corp.awsapps.com/start/#/{ENTER}"),
        ("Region of the Identity Center?", f"eu-wst-1{ENTER}"),
        ('did you mean "eu-west-1"?', f"{CLEAR}eu-west-1{ENTER}"),
        ("241 roles; type to narrow", "dev prod"),
        ("120 of 241 roles", ALL),
        ("120 marked", ENTER),
        ("What now?", ENTER),
    ]
    at.types("config", "init", answers=answers)
    assert "Which roles? 120 roles: Team 0 Prod, Team 1 Prod" in at.text
    assert "developer/team-0-prod works: you are" in " ".join(at.text.split())
    assert [each for each in center.secrets() if each in at.text] == []
    listed = corp.world.rolehop("list", "--format", "json").json["chains"]
    assert len(listed) == 120
    done = corp.world.rolehop("shell", "developer/team-7-prod", "--shell", "printenv")
    assert done.code == 0, done.err
    assert f"AWS_ACCOUNT_ID={ACCOUNTS[7]}" in done.out


def test_one_role_is_a_chain_that_may_go_on(corp: Corp) -> None:
    """What the AWS config has is offered; when signing in fails the address can be corrected."""
    center = without_config(corp, [])
    corp.world.aws_config(
        "[sso-session corp]\nsso_start_url = https://wrong.awsapps.com/start\n"
        "sso_region = eu-west-1\n"
    )
    at = Session(corp.world, 80)
    answers: list[Answer] = [
        ("Where do you start?", ENTER),
        ("Start URL?", f"{CLEAR}{center.start_url}{ENTER}"),
        ("Region of the Identity Center? eu-west-1", ENTER),
        ("1 role; type to narrow", ENTER),
        ("What now?", f"a hop{ENTER}"),
        ("Role to assume?", f"222222222222:role/Hub{ENTER}"),
        ("hop 1 222222222222:role/Hub, lasts 1 h What now?", ENTER),
    ]
    at.types("config", "init", answers=answers)
    assert "Identity Center" in at.text
    assert corp.world.rolehop("credential-process", "Hub").code == 0
    config = corp.world.config_file.read_text()
    assert f'account = "{HOME}"\nrole = "Developer"\n' in config
    assert "[sources.corp]" in config
