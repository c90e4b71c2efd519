"""Rules of the file, [defaults], [vault] and sources: which line and key, and what is said."""

import pytest

from tests.config.texts import NAME_HINT, SERIAL_HINT, check_one_problem

NO_CALLS = (
    'cannot be used for calls to AWS: "arn:aws:iam::111111111111:u2f/al"; add an authenticator'
    " app to the user"
)
DEVICE = "arn:aws:iam::111111111111:mfa/"
CASES = [
    # the file as a whole
    ("version = 2", 6, "version", "this rolehop reads version 1, not 2"),
    ('version = "1"', 6, "version", "must be an integer, not a string"),
    ("version = true", 6, "version", "must be an integer, not a boolean"),
    ("[chain.x]", 6, "chain", 'unknown; did you mean "chains"?'),
    (
        "[zzz]",
        6,
        "zzz",
        "unknown; known here: version, include, defaults, vault, organization, console, history, sources, chains, fleets, accounts",
    ),
    ('include = "a.toml"', 6, "include", "must be an array, not a string"),
    ("include = [1]", 6, "include[0]", "must be a string, not an integer; write it in quotes"),
    ("chains.x = 1", 6, "chains.x", "must be a table, not an integer"),
    ("fleets = 3", 6, "fleets", "must hold tables: [fleets.NAME]"),
    ("vault = 3", 6, "vault", "must be a table, not an integer"),
    # names
    ('[chains."a b"]', 6, 'chains."a b"', f'not a name {NAME_HINT}: "a b"; write [chains.a-b]'),
    ('[sources."-x"]', 6, "sources.-x", f'not a name {NAME_HINT}: "-x"; write [sources.x]'),
    ('[fleets."a/b"]', 6, 'fleets."a/b"', f'not a name {NAME_HINT}: "a/b"; write [fleets.a-b]'),
    (
        '[chains."a.b c"]',
        6,
        'chains."a.b c"',
        f'not a name {NAME_HINT}: "a.b c"; write [chains."a.b-c"]',
    ),
    ('[chains.".ab"]', 6, 'chains.".ab"', f'not a name {NAME_HINT}: ".ab"; write [chains.ab]'),
    # console
    (
        '[console]\nprofile = "{chain}"',
        6,
        "console",
        "profile needs a browser: chrome, chromium, edge or brave",
    ),
    (
        '[console]\ncontainer = true\nbrowser = "edge"',
        6,
        "console",
        "container is for firefox, not for edge",
    ),
    (
        '[console]\ncontainer = "yes"',
        7,
        "console.container",
        'must be true, false or "granted"',
    ),
    # defaults and vault
    ('[defaults]\nregoin = "x"', 7, "defaults.regoin", 'unknown key; did you mean "region"?'),
    ('[defaults]\nregion = "Ireland"', 7, "defaults.region", 'not a region: "Ireland"'),
    *(
        (
            f'[defaults]\nregion = "{typo}"',
            7,
            "defaults.region",
            f'not a region: "{typo}"; did you mean "eu-west-1"?',
        )
        for typo in ("eu-wst-1", "EU_West_1", "eu-west1")
    ),
    (
        '[chains.x]\nfrom = "hub"\nconfirm = "true"',
        8,
        "chains.x.confirm",
        "must be true or false, not a string; write it without quotes",
    ),
    (
        '[defaults]\nduration = "13h"',
        7,
        "defaults.duration",
        'longer than allowed: "13h"; it may be 15 min to 12 h',
    ),
    (
        "[defaults]\nmin_ttl = 12.5",
        7,
        "defaults.min_ttl",
        'must be a duration like "30m" or whole seconds, not a float',
    ),
    (
        '[defaults]\nmin_ttl = "-1"',
        7,
        "defaults.min_ttl",
        'not a duration: "-1"; write it like "90s", "30m" or "1h30m"',
    ),
    (
        '[defaults]\nsession_name = "{usr}"',
        7,
        "defaults.session_name",
        "unknown field {usr}; did you mean {user}?",
    ),
    (
        '[vault]\nbackend = "kernal"',
        7,
        "vault.backend",
        'not a keyring: "kernal"; did you mean "kernel"?',
    ),
    # sources
    ("[sources.x]\nregion = 'eu-west-1'", 6, "sources.x", '"type" is missing'),
    (
        "[sources.x]\ntpye = 'keys'\nmfa_serial = 'auto'",
        7,
        "sources.x.tpye",
        'unknown key; did you mean "type"?',
    ),
    (
        "[sources.x]\ntype = 1",
        7,
        "sources.x.type",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[sources.x]\ntype = "kyes"',
        7,
        "sources.x.type",
        'unknown source type "kyes"; did you mean "keys"?',
    ),
    (
        '[sources.x]\ntype = "magic"',
        7,
        "sources.x.type",
        'unknown source type "magic"; known here: keys, sign-in',
    ),
    ('[sources.x]\ntype = "sign-in"', 6, "sources.x", '"account" is missing'),
    (
        '[sources.x]\ntype = "keys"\nmfa-serial = "auto"',
        8,
        "sources.x.mfa-serial",
        'unknown key; did you mean "mfa_serial"?',
    ),
    (
        '[sources.x]\ntype = "keys"\naws_secret_access_key = "wJalr"',
        8,
        "sources.x.aws_secret_access_key",
        "unknown key; secrets do not belong in a config: store them with rolehop keys add",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_serial = "short"',
        8,
        "sources.x.mfa_serial",
        f'not the ARN or serial number of an MFA device: "short" {SERIAL_HINT}',
    ),
    *(
        (
            f'[sources.x]\ntype = "keys"\nmfa_serial = "{serial}"',
            8,
            "sources.x.mfa_serial",
            f'not the ARN or serial number of an MFA device: "{serial}" {SERIAL_HINT}',
        )
        # STS takes neither blanks nor letters beyond ASCII (API reference, SerialNumber).
        for serial in (f"{DEVICE}my phone", f"{DEVICE}zoë")
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_serial = "arn:aws:iam::111111111111:user/al"',
        8,
        "sources.x.mfa_serial",
        'not the ARN or serial number of an MFA device: "arn:aws:iam::111111111111:user/al" '
        + SERIAL_HINT.replace("NAME", "al"),
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_serial = "arn:aws:iam::111111111111:u2f/al"',
        8,
        "sources.x.mfa_serial",
        f"a security key {NO_CALLS}",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_duration = "37h"',
        8,
        "sources.x.mfa_duration",
        'longer than allowed: "37h"; it may be 15 min to 36 h',
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = "ykman \'oath"',
        8,
        "sources.x.mfa_command",
        "not a command: no closing quotation",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = "pass otp | head -1"',
        8,
        "sources.x.mfa_command",
        "no shell runs this, so | has no effect; put it in a script",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = []',
        8,
        "sources.x.mfa_command",
        "names no program",
    ),
    (
        '[sources.x]\ntype = "keys"\nmfa_command = [\n"a",\n1]',
        10,
        "sources.x.mfa_command[1]",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[sources.x]\ntype = "keys"\nprincipal = "alice"',
        8,
        "sources.x.principal",
        'not the ARN of a user, role, session or root: "alice"',
    ),
    (
        '[sources.x]\ntype = "keys"\ndescription = "a\\u001b[1m"',
        8,
        "sources.x.description",
        r'has control characters: "a\x1b[1m"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "{user}"',
        8,
        "sources.x.account",
        "unknown field {user}; what is filled in here: {account}",
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = 111111111111',
        8,
        "sources.x.account",
        "must be a string, not an integer; write the account ID in quotes",
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nstart_url = "http://u:secret@corp/x?k=secret"',
        9,
        "sources.x.start_url",
        'not an https address: "http://corp/x"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nstart_url = "https://[1]"',
        9,
        "sources.x.start_url",
        'not an https address: "https://[1]"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nstart_url = "https://{account}"',
        9,
        "sources.x.start_url",
        'templates are not filled in here: "https://{account}"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\nflow = "pkec"',
        9,
        "sources.x.flow",
        'not one of the allowed values: "pkec"; did you mean "pkce"?',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\ntrust_anchor = "ta"',
        9,
        "sources.x.trust_anchor",
        'not an ARN: "ta"',
    ),
    (
        '[sources.x]\ntype = "sign-in"\naccount = "111111111111"\ntoken_file = "t"\ntoken_command = "c"',
        6,
        "sources.x",
        "one of token_file and token_command, not both",
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), CASES)
def test_one_thing_wrong_is_one_problem(text: str, line: int, key: str, said: str) -> None:
    check_one_problem(text, line, key, said)
