"""The most common situations, one function per transcript."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tests.commands.credential_process.aged_sessions import leave
from tests.commands.explain.documents import ALICE, AS, USER, role
from tests.doubles.accounts.organizations import ROOT
from tests.policy.helpers.broken_chains import BROKEN, broken
from tests.policy.helpers.reading import shown
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, mfa_code, wrong_codes
from tests.transcripts.mistakes import MISTAKES
from tests.transcripts.session import Session

_DOUBLES = "tests.doubles.keyrings"
_WITH_KEYS = CONFIG.replace('type = "environment"', 'type = "keys"')
_NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
_WITH_MFA = CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1)
_GUARDED = (
    CONFIG.replace("labels =", "confirm = true\nlabels =")
    + '[accounts]\nprod-billing = "333333333333"\n'
)
_BY_SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22", "DISPLAY": None}
_SIGN_INS = """
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "222222222222"
role = "Developer"
[sources.ci]
type = "web-identity"
role = "222222222222:role/Hub"
token_file = "token"
[chains.dev]
source = "corp"
hops = [{ role = "333333333333:role/Admin" }]
[chains.pipeline]
source = "ci"
hops = [{ role = "333333333333:role/Admin" }]
"""


def help_texts(at: Session) -> None:
    at.types("--help")
    at.types("assume", "--help")
    at.types("explain", "--help")


def walks(at: Session) -> None:
    at.says("The first walk.")
    at.types("assume", "admin")
    at.says("Again: the session comes from the keyring.")
    at.types("assume", "admin")
    at.types("exec", "admin", "--", "true")
    # A session of this very second counts as new: a refresh then has nothing to do.
    time.sleep(1.1)
    at.types("refresh", "admin")
    at.types("whoami", "admin")
    at.says("An output that another program could use.")
    at.types("export", "admin", "--format", "xml")
    at.types("logout", "admin")


def guards(at: Session) -> None:
    at.world.config(_GUARDED)
    at.says("A chain that asks first.")
    at.types("exec", "admin", "--", "true", answers=[("[y/N]", "y\n")])
    at.types("exec", "admin", "--", "true", answers=[("[y/N]", "n\n")])
    at.says("One command in every account, asked about once.")
    at.types("each", "spokes", "admin", "--dry-run", "--", "echo", "{account_name}")
    at.types("each", "*", "--confirm", "--exclude", "hub", "--", "true", answers=[("[y/N]", "n\n")])
    at.says("A chain that needs a reason.")
    at.world.config(CONFIG.replace("labels =", 'reason = "required"\nlabels ='))
    at.types("exec", "admin", "--", "true", answers=[("why do you need", "INC-42\n")])


def looks(at: Session) -> None:
    at.types("status")
    at.types("list")
    at.world.rolehop("credential-process", "admin")
    at.says("With sessions stored.")
    at.types("list")
    at.types("status")
    at.types("plan", "admin", "--read-only", "--reason", "INC-42")
    at.types("show", "admin")
    at.types("graph")
    at.types("source", "list")
    at.types("history")
    at.types("logout", "--all")


def fleets(at: Session) -> None:
    """A fleet whose accounts AWS lists: before it was asked, the first time, after a change."""
    reader, org = "999999999999:role/OrgReader", at.world.sts.world.organization
    org.page = 20
    org.readers.add(f"arn:aws:iam::{reader}")
    at.world.sts.world.role(f"arn:aws:iam::{reader}", trusts=[at.world.alice.arn])
    unit = "ou-ab12-11111111"
    org.add_unit(unit, ROOT, "Prod")
    for account, name in (("444444444444", "billing"), ("555555555555", "Web & Shop")):
        org.add_account(account, unit, name)
    org.add_account("666666666666", unit, "old", state="SUSPENDED")
    at.world.config(
        f'{CONFIG}[chains.org]\nsource = "me"\nhops = [{{ role = "{reader}" }}]\n'
        '[fleets.prod]\nfrom = "hub"\nrole = "{account}:role/Audit"\n'
        'accounts = { organization = "org", ou = ["Prod/*"] }\n'
    )
    at.says("AWS was not asked yet: nothing calls it unasked.")
    at.types("list", "prod")
    at.types("plan", "prod/billing")
    at.types("fleet", "refresh", "prod")
    at.types("list", "prod")
    at.says("Another account of the same name, one that is being closed, one that is active again.")
    org.add_account("777777777777", unit, "Billing")
    org.accounts["555555555555"].state = "PENDING_CLOSURE"
    org.accounts["666666666666"].state = "ACTIVE"
    at.types("fleet", "refresh", "prod")
    at.types("fleet", "refresh", "prod", "--allow-removed")
    at.types("plan", "prod/billing")
    at.says("The name of an account that was closed is given to another one.")
    org.accounts["555555555555"].state = "CLOSED"
    org.add_account("888888888888", unit, "Web & Shop")
    at.types("fleet", "refresh", "prod", answers=[("[y/N]", "n\n")])
    at.types("fleet", "refresh", "prod", "--no-prompt")
    at.types("fleet", "refresh", "prod", "--accept-move", "prod/Web-Shop")
    at.says("Whoever may not.")
    org.denied.add("ListAccounts")
    at.types("fleet", "refresh")


def refusals(at: Session) -> None:
    at.world.sts.world.role(ADMIN, trusts=[])
    at.says("A role that does not trust the one before it.")
    at.types("assume", "admin")
    at.types("explain", "--last", "--offline", *AS)
    at.says("The same, with a session of the first role that is twelve minutes old.")
    leave(at.world, minutes=48)
    at.types("assume", "admin")
    at.says("An MFA code that is wrong.")
    at.world.config(_WITH_MFA)
    first, second, third = wrong_codes(at.world)
    asked = [("MFA code", first), ("2 tries left", second), ("1 try left", third)]
    at.types("assume", "hub", answers=[(text, f"{code}\n") for text, code in asked])
    at.world.config()
    at.says("Keys that AWS does not know.")
    at.world.sts.world.keys.clear()
    at.types("assume", "hub", "--duration", "30m")


def configs(at: Session) -> None:
    at.says("A name that is not there.")
    at.types("assume", "admn")
    at.types("assume", "admin", "--dration", "1h")
    at.says("Two mistakes in the config.")
    at.world.config(CONFIG.replace('"environment"', '"enviroment"').replace('"me"', '"you"'))
    at.types("assume", "admin")
    at.types("config", "check")
    at.says("A config that everybody can write.")
    at.world.config()
    at.world.config_file.chmod(0o666)
    at.types("list")
    at.says("No config yet.")
    at.world.config_file.unlink()
    at.types("list")
    at.types("assume", "admin")
    answers = [
        ("Where do you start?", "environment\r"),
        ("Role to assume?", f"{HUB}\r"),
        ("What now?", "region\r"),
        ("In which region?", "eu-west-1\r"),
        ("region eu-west-1 What now?", "write it\r"),
    ]
    at.types("config", "init", answers=answers)


def mistakes(at: Session) -> None:
    """What `config check` says of the usual mistakes in a config, one at a time."""
    for what, (written, instead) in MISTAKES.items():
        assert written in CONFIG
        at.world.config(CONFIG.replace(written, instead, 1))
        at.says(f"{what[0].upper()}{what[1:]}.")
        at.types("config", "check")


def keyrings(at: Session) -> None:
    at.world.config(_WITH_KEYS)
    at.says("Keys that are not stored yet.")
    at.types("assume", "admin", env=_NO_KEYS)
    key = at.world.alice.key
    at.types(
        *("keys", "add", "me"),
        answers=[("Access key ID", f"{key.access_key_id}\n"), ("Secret", f"{key.secret}\n")],
    )
    at.types("keys", "list")
    at.says("A keyring that is locked.")
    at.world.backend = f"{_DOUBLES}.Locked"
    at.types("assume", "admin", env=_NO_KEYS)
    at.says("A keyring that is locked, and a chain that does not start from it.")
    at.world.config()
    at.types("exec", "admin", "--", "true")
    at.says("A keyring that is locked, over SSH.")
    at.types("exec", "admin", "--", "true", env=_BY_SSH)
    at.world.config(_WITH_KEYS)
    at.types("assume", "admin", env={**_NO_KEYS, **_BY_SSH})
    at.world.config()
    at.says("No keyring at all.")
    at.world.backend = "keyring.backends.fail.Keyring"
    at.types("exec", "admin", "--", "true")


def sources(at: Session) -> None:
    at.says("No credentials in the environment.")
    at.types("assume", "admin", env=_NO_KEYS)
    at.says("A session in the environment that is over.")
    ended = at.world.sts.world.issue(
        600, account="111111111111", arn=ALICE, user_id="x", user=at.world.alice
    )
    over = {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}
    at.types("assume", "admin", env={**ended.environ, **over})
    at.world.config(CONFIG + _SIGN_INS)
    at.says("A source that nobody has signed in to.")
    at.types("credential-process", "dev", "--no-prompt")
    at.says("A source whose token is not there.")
    at.types("assume", "pipeline")
    at.types("source", "list")
    at.types("source", "test", "me")


def mfa(at: Session) -> None:
    world = at.world
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
    world.config(_WITH_MFA)
    at.says("One code opens a session for all chains of the source.")
    at.types("assume", "admin", answers=[("MFA code", f"{mfa_code(world)}\n")])
    at.types("assume", "spokes/444444444444")
    at.types("plan", "admin")


def networks(at: Session) -> None:
    at.says("Nobody listens.")
    at.types("assume", "admin", env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
    at.says("A hotel's sign-in page answers.")
    page = b"<html><head><title>Grand Hotel Wi-Fi</title></head></html>"
    at.world.sts.say(page)
    at.types("assume", "admin")
    at.says("AWS asks to come back later, three times.")
    at.world.sts.throttle(10)
    at.types("assume", "admin")


def explanations(at: Session) -> None:
    external = {"StringEquals": {"sts:ExternalId": "x-1"}}
    exports = {
        "hub.json": {"UserDetailList": [USER], "RoleDetailList": [role(HUB, ALICE)]},
        "admin.json": {"RoleDetailList": [role(ADMIN, HUB)]},
        "strict.json": {"RoleDetailList": [role(ADMIN, HUB, **external)]},
    }
    for name, content in exports.items():
        (at.world.home / name).write_text(json.dumps(content))
    hub, admin, strict = (f"--policies={name}" for name in exports)
    offline = ("--offline", *AS, hub)
    at.says("A hop that a condition refuses.")
    at.types("explain", "admin", *offline, strict)
    at.says("The same, once the trust policy lets it through.")
    at.types("explain", "admin", *offline, admin)
    at.says("Without the policies of the second account.")
    at.types("explain", "admin", *offline)
    at.types("explain", "role", HUB, "--offline", hub)
    at.types("check", *offline, strict)
    at.types("routes", ADMIN, *AS, hub, admin)


def broken_chains(at: Session) -> None:
    """Chains with one thing wrong each, as `explain` shows them without -v."""
    for what, (breaks, *_) in BROKEN.items():
        at.says(f"{what[0].upper()}{what[1:]}.")
        at.text += f"{shown(broken(breaks))}\n"


_FLEET = ", ".join(f'"{account:012d}"' for account in range(600000000001, 600000000013))
_SCREENS = (
    CONFIG.replace(
        'description = "Admin in prod"', 'description = "Break-glass admin in production"'
    )
    + f"""
[fleets.shops]
from = "hub"
role = "{{account}}:role/Audit"
accounts = [{_FLEET}]
[accounts]
acme-hub = "222222222222"
acme-prod = "333333333333"
acme-payments-with-a-long-name = "444444444444"
acme-web = "555555555555"
"""
)


def screens(at: Session) -> None:
    at.world.config(_SCREENS)
    for account in range(600000000001, 600000000004):
        at.world.sts.world.role(f"arn:aws:iam::{account}:role/Audit", trusts=[HUB])
    for chain in ("admin", "spokes/444444444444", "shops/600000000002"):
        assert at.world.rolehop("credential-process", chain).code == 0
    at.says("A large fleet is one row, unless it is asked for.")
    at.types("list")
    at.types("list", "spokes/")
    at.types("list", "admin", "-v")
    at.types("status")
    at.types("status", "admin", "-v")
    at.types("plan", "admin", "--read-only", "--reason", "INC-42")
    at.types("show", "admin")
    at.types("whoami", "admin", "-q")


SITUATIONS: dict[str, Callable[[Session], None]] = {
    "broken_chains": broken_chains,
    "configs": configs,
    "explanations": explanations,
    "fleets": fleets,
    "guards": guards,
    "help": help_texts,
    "keyrings": keyrings,
    "looks": looks,
    "mfa": mfa,
    "mistakes": mistakes,
    "networks": networks,
    "refusals": refusals,
    "screens": screens,
    "sources": sources,
    "walks": walks,
}
_NARROW = ("configs", "guards", "keyrings", "mistakes", "networks", "refusals", "sources")

OTHER_WIDTHS = (*((name, 50) for name in _NARROW), ("screens", 60), ("screens", 120))
"""Also recorded at so many columns: the errors, and the screens."""
