"""Five realistic files of each small tool, the last two of them broken.

Each has what the AWS config says and what the tool's own file says, if it has one.
"""

from __future__ import annotations

KEYS = """
[me]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"""
MFA = "arn:aws:iam::111111111111:mfa/me"
ROLE = "arn:aws:iam::222222222222:role/Dev"
PROVIDER = "arn:aws:iam::222222222222:saml-provider/corp"
_SIGN_IN = """granted_sso_start_url = https://corp.awsapps.com/start
granted_sso_region = eu-central-1
granted_sso_account_id = 222222222222
granted_sso_role_name = Dev
"""

FILES: dict[str, dict[str, tuple[str, str | None]]] = {
    "granted": {
        "login": (
            (
                f"[profile dev]\n{_SIGN_IN}credential_process = granted credential-process --profile dev\n"
                "granted_color = turquoise\ngranted_icon = fruit\nregion = eu-west-1\n"
            ),
            None,
        ),
        "session": (
            (
                "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\n"
                "sso_region = eu-central-1\n[profile dev]\nsso_session = corp\n"
                "granted_sso_account_id = 222222222222\ngranted_sso_role_name = Dev\n"
                "credential_process = granted credential-process --auto-login --profile dev\n"
                "[granted_registry_start corp]\n"
                f"[profile from-registry]\nsource_profile = dev\nrole_arn = {ROLE}\n"
                "[granted_registry_end corp]\n"
            ),
            None,
        ),
        "keys": (
            (
                f"[profile admin]\nsource_profile = stored\nrole_arn = {ROLE}\nmfa_serial = {MFA}\n"
                "[profile stored]\ncredential_process = granted credential-process --profile=stored\n"
            ),
            None,
        ),
        "broken: no account": (
            (
                "[profile dev]\ngranted_sso_start_url = https://corp.awsapps.com/start\n"
                "granted_sso_region = eu-central-1\ngranted_sso_role_name = Dev\n"
            ),
            None,
        ),
        "broken: no address": (
            (
                "[profile dev]\nsso_session = gone\ngranted_sso_account_id = 222222222222\n"
                "granted_sso_role_name = Dev\n"
            ),
            None,
        ),
    },
    "awsume": {
        "mfa of the source": (
            (
                f"[profile me]\nregion = us-east-1\nmfa_serial = {MFA}\n"
                f"[profile myrole]\nsource_profile = me\nrole_arn = {ROLE}\n"
            ),
            None,
        ),
        "defaults": (
            f"[profile myrole]\nsource_profile = me\nrole_arn = {ROLE}\n",
            (
                "colors: true\nfuzzy-match: true\nrole-duration: 43200\nregion: us-west-2\n"
                "role-session-name: awsume-cli-session\nconsole:\n  browser_command: firefox\n"
            ),
        ),
        "saml": (
            (
                f"[profile federated]\nrole_arn = {ROLE}\nprincipal_arn = {PROVIDER}\n"
                f"[profile process]\nrole_arn = {ROLE}\ncredential_process = /opt/tool\n"
                "[autoawsume-myrole]\n[profile autoawsume-x]\nmanager = awsume\nautoawsume = true\n"
            ),
            None,
        ),
        "broken: config": (f"[profile myrole]\nsource_profile = me\nrole_arn = {ROLE}\n", "a: {b"),
        "broken: role": (f"[profile myrole]\nrole_arn = {ROLE}\n", "role-duration: soon\n"),
    },
    "aws-runas": {
        "common mfa": (
            (
                f"[default]\nregion = us-east-1\nmfa_serial = {MFA}\nsession_token_duration = 20m\n"
                f"[profile my-role]\nsource_profile = default\nrole_arn = {ROLE}\n"
                "credentials_duration = 1h30m\n"
            ),
            None,
        ),
        "saml": (
            (
                "[profile base]\nsaml_auth_url = https://corp.okta.com/home/amazon_aws/x/1\n"
                "saml_provider = okta\nsaml_username = me\n"
                f"[profile dev]\nsource_profile = base\nrole_arn = {ROLE}\n"
                "jump_role_arn = arn:aws:iam::111111111111:role/Jump\n"
            ),
            None,
        ),
        "oidc": (
            (
                f"[profile dev]\nrole_arn = {ROLE}\n"
                "web_identity_auth_url = https://corp.okta.com/oauth2\n"
                "web_identity_client_id = myClientId\nweb_identity_redirect_uri = app:/callback\n"
            ),
            None,
        ),
        "broken: duration": (
            f"[profile dev]\nsource_profile = me\nrole_arn = {ROLE}\ncredentials_duration = long\n",
            None,
        ),
        "broken: address": (
            (
                f"[profile dev]\nrole_arn = {ROLE}\nweb_identity_auth_url = corp.okta.com\n"
                "web_identity_client_id = myClientId\n"
            ),
            None,
        ),
    },
    "saml2aws": {
        "accounts": (
            f"[profile second]\nsource_profile = saml\nrole_arn = {ROLE}\n",
            (
                "[default]\nname = default\nurl = https://id.whatever.com\nusername = me@example.com\n"
                "provider = KeyCloak\nmfa = Auto\nskip_verify = false\ntimeout = 0\n"
                "aws_urn = urn:amazon:webservices\naws_session_duration = 3600\naws_profile = saml\n"
                f"role_arn = {ROLE} ; the usual one\nregion = eu-west-1\n"
            ),
        ),
        "one profile for two": (
            "",
            (
                f"[a]\nurl = https://id.example.com\nprovider = Okta\nrole_arn = {ROLE}\n"
                f"[b]\nurl = https://id.example.com\nprovider = Okta\nrole_arn = {ROLE}2\n"
            ),
        ),
        "process": (
            (
                "[profile mybucket]\nregion = us-west-1\ncredential_process = saml2aws login"
                f" --credential-process --role {ROLE} --profile mybucket\n"
            ),
            None,
        ),
        "broken: no role": (
            "",
            (
                "[wolfeidau]\nusername = mark@wolfe.id.au\nprovider = keycloak\nmfa      = totp\n"
                "[test123]\nusername = abc@whatever.com\nprovider = keycloak\nurl = https://id.whatever.com\n"
            ),
        ),
        "broken: no INI": ("", "[default\nurl = https://id.whatever.com\n"),
    },
    "leapp": {
        "exported": (
            (
                "[profile dev]\nregion=eu-west-1\n"
                "credential_process=leapp session generate 0f3b9a52-8d5a-4c0a-9a0e-6f5e0f1b2c3d\n"
            ),
            None,
        ),
        "a role behind it": (
            (
                f"[profile admin]\nsource_profile = dev\nrole_arn = {ROLE}\n"
                "[profile dev]\ncredential_process=/usr/local/bin/leapp session generate 0f3b9a52\n"
            ),
            None,
        ),
        "default": ("[default]\ncredential_process=leapp session generate 0f3b9a52\n", None),
        "broken: no ID": ("[profile dev]\ncredential_process=leapp session generate\n", None),
        "broken: quotes": ("[profile dev]\ncredential_process=leapp session 'generate\n", None),
    },
}
