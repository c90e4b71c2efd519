"""A home folder in which ``config init`` is held, and what is found there."""

from __future__ import annotations

from pathlib import Path

from rolehop.app.context import App
from rolehop.commands.config.init.conversation import FirstConfig, first_config
from rolehop.config.model import Config
from tests.commands.config.init.scripted import Answers, Scripted
from tests.support.world import FILE_BACKED

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WRITE = ("What now?", "Write it")
AWS = """
[profile work]
region = eu-west-1
[profile prod]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = work
[profile dev]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Developer
[profile ours]
credential_process = /usr/bin/rolehop credential-process hub
[profile empty]
region = eu-west-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
"""


class Home:
    """A home folder, and the conversation in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "config.toml"
        self.environ = {
            "HOME": str(folder),
            "ROLEHOP_CONFIG": str(self.path),
            "PYTHON_KEYRING_BACKEND": FILE_BACKED,
            "ROLEHOP_TEST_KEYRING": str(folder / "vault"),
            "XDG_STATE_HOME": str(folder / "state"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def with_profiles(self) -> None:
        self.write(".aws/config", AWS)
        keys = f"aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
        self.write(".aws/credentials", f"[work]\n{keys}")

    @property
    def app(self) -> App:
        return App(self.environ, self.folder)

    @property
    def config(self) -> Config:
        return self.app.config

    def talk(self, person: Scripted) -> FirstConfig:
        try:
            return first_config(self.app, self.path, person)
        finally:
            assert person.script == []

    def asked(self, *script: tuple[str, Answers]) -> Scripted:
        person = Scripted(*script)
        try:
            self.talk(person)
        except KeyboardInterrupt:
            raise AssertionError(f"more was asked: {person.errors}") from None
        assert person.errors == []
        return person
