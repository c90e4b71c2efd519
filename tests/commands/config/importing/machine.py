"""A home folder with AWS files in which ``config import`` runs, in this process."""

from __future__ import annotations

from pathlib import Path

from rolehop.app.context import App
from rolehop.app.ports import PromptedPerson
from rolehop.commands.config.importing.found_files import ConfigImport, files_of, plan_import

AWS = """
[profile hub]
role_arn = arn:aws:iam::222222222222:role/Hub
source_profile = me
[profile admin]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = hub
"""
KEYS = """
[me]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"""
SECRET = "wJalrXUtnFEMI"


class Machine:
    """A home folder with AWS files, and the commands."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.aws = home / ".aws" / "config"
        self.config = home / "config.toml"
        self.write(self.aws, AWS)
        self.write(home / ".aws" / "credentials", KEYS)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def app(self, answer: str | None = None) -> App:
        environ = {"HOME": str(self.home), "ROLEHOP_CONFIG": str(self.config)}
        person = None if answer is None else PromptedPerson(lambda _: answer)
        return App(environ, self.home, person=person)

    def planned(self, named: str | None = None) -> ConfigImport:
        app = self.app()
        return plan_import(app, files_of(app, named))
