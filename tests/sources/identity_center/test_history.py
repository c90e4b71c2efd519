"""What the history says of a sign-in and of the portal's sessions."""

from __future__ import annotations

from tests.sources.identity_center.corp import Corp
from tests.support.secrets import found_in


def test_the_calls_of_a_sign_in_are_lines_too(corp: Corp) -> None:
    corp.login()
    assert corp.world.rolehop("export", "hub").code == 0
    lines = corp.world.rolehop("history", "--format", "json").json["lines"]
    assert [each["action"] for each in lines if each["chain"] is None] == [
        "sso-oidc:RegisterClient",
        "sso-oidc:CreateToken",
        "sso:ListAccounts",
    ]
    (portal,) = [each for each in lines if each["action"] == "sso:GetRoleCredentials"]
    assert (portal["chain"], portal["source"], portal["hop"]) == ("hub", "corp", 0)
    assert portal["role"] == "111111111111:Developer"
    assert portal["expires_at"] is not None
    kept = "".join(each.read_text() for each in (corp.world.state / "history").iterdir())
    assert found_in(kept, corp.world) == []
