"""Tools that sign in and leave a session in an AWS profile, which rolehop then reads as it is.

aws-azure-login and aws-google-auth keep their settings in the profile: ``azure_…`` and
``google_config.…`` (their READMEs). okta-awscli has ``~/.okta-aws``, where ``profile`` is the AWS profile
that it writes; gimme-aws-creds ``~/.okta_aws_login_config``, where ``cred_profile`` is that, or ``role``
for the role's name. What renews the session is said, and the guide's page ``programs`` has the lines
with which rolehop asks these tools itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rolehop.commands.config.importing.draft import TOOL, ProfileDraft
from rolehop.commands.config.importing.ini import read_ini
from rolehop.commands.config.importing.proposal import LOST, SETTING, NotCarried

AZURE, GOOGLE, OKTA, GIMME = "aws-azure-login", "aws-google-auth", "okta-awscli", "gimme-aws-creds"

_MARKS = {AZURE: "azure_", GOOGLE: "google_config."}
_LOGINS = {
    AZURE: "aws-azure-login --profile {}",
    GOOGLE: "aws-google-auth -p {}",
    OKTA: "okta-awscli --okta-profile {}",
    GIMME: "gimme-aws-creds --profile {}",
}
_OTHERS = (
    *("role_arn", "sso_session", "sso_start_url", "sso_account_id", "credential_process"),
    *("web_identity_token_file", "login_session"),
)
_TEMPORARY = "ASIA"  # how the IDs of a session's keys begin (STS API reference, GetAccessKeyInfo)


def marks_profiles(tool: str) -> Callable[[ProfileDraft], bool]:
    """Return whether a profile has settings of ``tool``."""
    mark = _MARKS[tool]
    return lambda draft: any(
        key.startswith(mark) for keys in draft.profiles.values() for key in keys
    )


def adapt_marked(tool: str) -> Callable[[ProfileDraft, str], None]:
    """Return what makes the profiles with settings of ``tool`` sources that read the profile."""
    mark = _MARKS[tool]

    def adapt(draft: ProfileDraft, text: str) -> None:
        for name, keys in draft.profiles.items():
            own = [key for key in keys if key.startswith(mark)]
            if own:
                _read_session(draft, name, tool, name)
                why = f"settings of {tool}; they stay in the profile"
                draft.lost.append(NotCarried(f"{mark}…", why, name, SETTING))
                for key in own:
                    del keys[key]

    return adapt


def is_okta(text: str) -> bool:
    """True if ``text`` looks like ``~/.okta-aws``."""
    return any(line.partition("=")[0].strip() == "base-url" for line in text.splitlines())


def adapt_okta(draft: ProfileDraft, text: str) -> None:
    """Make a source of each AWS profile that okta-awscli writes; ``text`` is ``~/.okta-aws``.

    Raises:
        ValueError: ``text`` is broken.
    """
    for section, keys in read_ini(text, OKTA).items():
        profile = keys.get("profile") or (section if section in draft.profiles else "")
        _take(draft, OKTA, section, profile)


def is_gimme(text: str) -> bool:
    """True if ``text`` looks like ``~/.okta_aws_login_config``."""
    names = {line.partition("=")[0].strip() for line in text.splitlines()}
    return bool({"gimme_creds_server", "okta_org_url"} & names)


def adapt_gimme(draft: ProfileDraft, text: str) -> None:
    """Make a source of each AWS profile that gimme-aws-creds writes; ``text`` is its config.

    Raises:
        ValueError: ``text`` is broken.
    """
    for section, keys in _inherited(read_ini(text, GIMME, defaults="DEFAULT")):
        if keys.get("write_aws_creds", "").lower() not in ("true", "yes", "on", "1", "y"):
            why = "it writes no AWS profile: rolehop guide programs has the line that asks it"
            draft.note(f"profile {section} of {GIMME}", why, LOST)
            continue
        profile, role = keys.get("cred_profile", ""), keys.get("aws_rolename", "")
        account, name = role.split(":")[4:5], role.rpartition("/")[2]
        if profile.lower() in ("role", "acc-role", "acc:role"):
            single = role.startswith("arn:") and "," not in role
            before = f"{account[0]}{profile[3]}" if single and profile.lower() != "role" else ""
            profile = f"{before}{name}" if single else ""
        _take(draft, GIMME, section, profile)


def _inherited(sections: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, keys in sections.items():
        above = sections.get(keys.get("inherits", ""), {})
        yield name, {**above, **keys}


def _take(draft: ProfileDraft, tool: str, section: str, profile: str) -> None:
    if profile:
        _read_session(draft, profile, tool, section)
    else:
        why = "it does not say which AWS profile the session is left in"
        draft.note(f"profile {section} of {tool}", why, LOST)


def _read_session(draft: ProfileDraft, name: str, tool: str, signed_in: str) -> None:
    """Make a profile a source that reads what the tool left in it, unless it has other credentials."""
    keys = draft.profiles.setdefault(name, {})
    key_id = draft.text(name, "aws_access_key_id")
    lasts = bool(key_id) and not key_id.startswith(_TEMPORARY) and not _has_token(keys)
    if lasts or any(key in keys for key in _OTHERS):
        keys[TOOL] = tool
        draft.note(f"profile {name}", f"it has other credentials than those that {tool} leaves")
        return
    draft.become(name, tool, {"type": "profile", "profile": name})
    login = _LOGINS[tool].format(signed_in)
    draft.note(f"profile {name}", f"its keys are temporary; this renews them: {login}")


def _has_token(keys: Mapping[str, object]) -> bool:
    return "aws_session_token" in keys or "aws_security_token" in keys
