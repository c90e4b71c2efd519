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

_ID = "00000000-0000-0000-0000-000000000000"
_ANCHOR = f"arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/{_ID}"
_PROFILE = f"arn:aws:rolesanywhere:eu-west-1:111111111111:profile/{_ID}"

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
    "okta-awscli": {
        "profiles": (
            f"[profile admin]\nsource_profile = okta-dev\nrole_arn = {ROLE}\n",
            (
                "[default]\nbase-url = corp.okta.com\nusername = me@example.com\nfactor = GOOGLE\n"
                f"auto-write-profile = True # writes it\nprofile = okta-dev\nrole = {ROLE}\n"
                "app-link = https://corp.okta.com/home/amazon_aws/x/1\nduration = 3600\n"
            ),
        ),
        "section of the profile's name": (
            "[profile dev]\nregion = eu-west-1\n",
            "[dev]\nbase-url = corp.okta.com\nstore-role = False\n",
        ),
        "credentials of its own": (
            "[profile dev]\ncredential_process = /opt/tool\n",
            "[default]\nbase-url=corp.okta.com\nprofile=dev\n",
        ),
        "broken: no profile": ("", "[work]\nbase-url = corp.okta.com\n"),
        "broken: no INI": ("", "base-url = corp.okta.com\n"),
    },
    "gimme-aws-creds": {
        "name of the profile": (
            "",
            (
                "[DEFAULT]\nokta_org_url = https://corp.okta.com\nokta_auth_server =\n"
                "gimme_creds_server = appurl\naws_appname = AWS\naws_rolename = all\n"
                "write_aws_creds = True\ncred_profile = okta\nokta_username = me@example.com\n"
                "remember_device = True\naws_default_duration = 3600\noutput_format = export\n"
                f"[prod]\naws_rolename = {ROLE}\ncred_profile = okta-prod\n"
            ),
        ),
        "called as the role": (
            "",
            (
                "[dev]\nokta_org_url = https://corp.okta.com\nwrite_aws_creds = y\n"
                f"aws_rolename = {ROLE}\ncred_profile = role\n"
                f"[both]\ninherits = dev\ncred_profile = acc-role\n"
            ),
        ),
        "a role behind it": (
            f"[profile admin]\nsource_profile = okta\nrole_arn = {ROLE}\n",
            "[a]\ngimme_creds_server = appurl\nwrite_aws_creds = True\ncred_profile = okta\n",
        ),
        "broken: prints only": (
            "",
            "[a]\nokta_org_url = https://corp.okta.com\nwrite_aws_creds = False\n",
        ),
        "broken: no INI": ("", "[a\nokta_org_url = https://corp.okta.com\n"),
    },
    "aws-azure-login": {
        "settings": (
            (
                "[profile azure]\nazure_tenant_id = 00000000-0000-0000-0000-000000000000\n"
                "azure_app_id_uri = https://signin.aws.amazon.com/saml\n"
                "azure_default_username = me@example.com\nregion = eu-west-1\n"
                f"azure_default_role_arn = {ROLE}\nazure_default_duration_hours = 1\n"
                "azure_default_remember_me = true\n"
            ),
            None,
        ),
        "a role behind it": (
            (
                "[profile azure]\nazure_tenant_id = x\nazure_app_id_uri = y\n"
                f"[profile admin]\nsource_profile = azure\nrole_arn = {ROLE}\n"
            ),
            None,
        ),
        "asked by the profile": (
            (
                "[profile azure]\nazure_tenant_id = x\n"
                "credential_process = aws-azure-login --profile azure --credential-process\n"
            ),
            None,
        ),
        "broken: password": ("[profile azure]\nazure_default_password = hunter2\n", None),
        "broken: role of nothing": (
            f"[profile azure]\nazure_tenant_id = x\nrole_arn = {ROLE}\n",
            None,
        ),
    },
    "aws-google-auth": {
        "settings": (
            (
                "[profile g]\nregion = eu-west-1\ngoogle_config.ask_role = False\n"
                "google_config.keyring = False\ngoogle_config.duration = 3600\n"
                "google_config.google_idp_id = C00000000\ngoogle_config.google_sp_id = 1\n"
                f"google_config.role_arn = {ROLE}\ngoogle_config.google_username = me@example.com\n"
                "google_config.u2f_disabled = False\ngoogle_config.bg_response = None\n"
            ),
            None,
        ),
        "a role behind it": (
            (
                "[profile g]\ngoogle_config.google_idp_id = C0\n"
                f"[profile admin]\nsource_profile = g\nrole_arn = {ROLE}\n"
            ),
            None,
        ),
        "default": ("[default]\ngoogle_config.google_idp_id = C0\n", None),
        "broken: role of nothing": (
            f"[profile g]\ngoogle_config.ask_role = maybe\nrole_arn = {ROLE}\n",
            None,
        ),
        "broken: sign-in": ("[profile g]\ngoogle_config.x = y\nsso_session = gone\n", None),
    },
    "aws-signing-helper": {
        "files": (
            (
                "[profile cert]\ncredential_process = /usr/local/bin/aws_signing_helper"
                " credential-process --certificate /etc/pki/me.pem --private-key /etc/pki/me.key"
                f" --trust-anchor-arn {_ANCHOR} --profile-arn {_PROFILE} --role-arn {ROLE}"
                " --session-duration 3600 --region eu-west-1\n"
            ),
            None,
        ),
        "PKCS 12": (
            (
                "[profile p12]\ncredential_process = aws_signing_helper credential-process"
                f" --certificate=/etc/me.p12 --trust-anchor-arn={_ANCHOR}"
                f" --profile-arn={_PROFILE} --role-arn={ROLE}\n"
            ),
            None,
        ),
        "token": (
            (
                "[profile token]\ncredential_process = aws_signing_helper credential-process"
                f" --cert-selector Key=x509Subject,Value=CN=me --trust-anchor-arn {_ANCHOR}"
                f" --profile-arn {_PROFILE} --role-arn {ROLE}\n"
            ),
            None,
        ),
        "broken: ARN": (
            (
                "[profile cert]\ncredential_process = aws_signing_helper credential-process"
                " --certificate /a.pem --private-key /a.key --trust-anchor-arn x"
                f" --profile-arn {_PROFILE} --role-arn {ROLE}\n"
            ),
            None,
        ),
        "broken: no value": (
            "[profile cert]\ncredential_process = aws_signing_helper credential-process --role-arn\n",
            None,
        ),
    },
    "steampipe": {
        "profiles": (
            (
                f"[profile prod]\nsource_profile = me\nrole_arn = {ROLE}\n[profile other]\n"
                "credential_process = /opt/tool\n"
            ),
            (
                'connection "aws_all" {\n  plugin      = "aws" // all\n  type        = "aggregator"\n'
                '  connections = ["aws_*"]\n}\n'
                '# connection "old" {\nconnection "aws_prod" {\n  plugin  = "aws@0.76"\n'
                '  profile = "prod" /* { */\n  regions = ["eu-*", "us-east-1"]\n}\n'
            ),
        ),
        "gone": ("", 'connection "aws" {\n  plugin = "aws"\n  profile = "gone"\n}\n'),
        "default": (
            "",
            'connection "aws" {\n plugin = "turbot/aws"\n}\nconnection "x" {\n plugin = "gcp"\n}\n',
        ),
        "broken: keys": (
            "",
            (
                'connection "aws" {\n plugin = "aws"\n access_key = "AKIAIOSFODNN7EXAMPLE"\n'
                ' secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"\n}\n'
            ),
        ),
        "broken: no end": ("", 'connection "aws" {\n  plugin = "aws"\n  profile = "{"\n'),
    },
    "aws-extend-switch-roles": {
        "roles": (
            "[default]\nregion = eu-west-1\n",
            (
                f"[profile marketing]\nrole_arn = {ROLE}\ncolor = ffaaee\nsource_profile = default\n"
                "; a role by its account\n[another]\naws_account_id = 333333333333 ; prod\n"
                "role_name = Admin\ncolor=#cc0000\nsource_profile = default\nimage = https://x/y.png\n"
            ),
        ),
        "base accounts": (
            "",
            (
                "[org]\naws_account_id = my-alias\n[org-role]\nrole_name = Admin\n"
                "aws_account_id = 333333333333\nsource_profile = org\n"
                f"[alone]\nrole_arn = {ROLE}\ncolor = bbeeff\n"
            ),
        ),
        "in the AWS config": (
            (
                "[profile dev]\ncolor = 00ff00\ncredential_process = /opt/tool\n"
                "[profile x]\naws_account_id = 333333333333\nrole_name = X\nsource_profile = dev\n"
            ),
            None,
        ),
        "broken: alias": ("", "[x]\naws_account_id = my-alias\nrole_name = A\ncolor = 1\n"),
        "broken: no INI": ("", "role_name = Admin\naws_account_id = 333333333333\n"),
    },
}
