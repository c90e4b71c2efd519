"""Where the token of a ``web-identity`` source comes from: a file, a variable, a program, CI, a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.files import NotRegular, read_regular
from rolehop.sources.shared.subprocesses import printed_by
from rolehop.sources.web_identity.ci_tokens import CI, Ci, missing
from rolehop.sources.web_identity.oidc_login import OidcSignIn, provider_of
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.config.model import SourceConfig
    from rolehop.oauth.jwt import Claims
    from rolehop.sources.context import SourceContext

TOKEN_SOURCES = ("token_file", "token_env", "token_command", "ci", "issuer")
FILE_VARIABLE = "AWS_WEB_IDENTITY_TOKEN_FILE"
_LONGEST_FILE = 100_000  # bytes


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """The token of one source, as it is configured."""

    source: SourceConfig
    inputs: SourceContext
    generation: str | None
    """Of the sign-in that the walk was planned with, where there is one of rolehop's own."""

    @classmethod
    def of(cls, source: SourceConfig, inputs: SourceContext) -> Token:
        """Take the sign-in as it is now."""
        provider = provider_of(source)
        generation = inputs.tokens.generation(provider.token_name) if provider else None
        return cls(source, inputs, generation)

    def state(self) -> str:
        """Return what tells this token from another principal's, without a call.

        Raises:
            SourceError: there is no token, or none that can be read.
        """
        provider = provider_of(self.source)
        if provider is not None:
            if self.generation is None:
                login = f"rolehop source login {self.source.name}"
                raise SourceError(f"nobody is signed in to {provider.issuer} ({login})", fix=login)
            return self.generation
        if "token_command" in self.source.settings:
            return "command"
        ci = self._ci()
        if ci is not None and not self.lies_here:
            return " ".join(self.inputs.environ.get(name, "") for name in ci.job)
        return self.speaks_for(self.token())

    @property
    def lies_here(self) -> bool:
        """Tell whether it is in a file or a variable: no call, program or person is needed."""
        if "token_command" in self.source.settings or provider_of(self.source) is not None:
            return False
        ci = CI.get(self.text("ci") or "")
        return ci is None or ci.lies_here(self.text("audience"))

    def speaks_for(self, token: Secret) -> str:
        """Return whose token it is; of one that does not say, what tells it from others."""
        from rolehop.oauth.jwt import token_digest

        claims = self.claims(token)
        return f"{claims.issuer} {claims.subject}" if claims else token_digest(token)

    def token(self) -> Secret:
        """Return the token as it is now.

        Raises:
            SourceChanged: somebody has just signed in; plan again.
            SourceError: there is none, or what is there is none.
            ServiceError: whoever gives it cannot be reached.
        """
        settings, environ = self.source.settings, self.inputs.environ
        provider = provider_of(self.source)
        if provider is not None:
            return OidcSignIn(self.source, self.inputs, provider, self.generation).token()
        command = settings.get("token_command")
        if isinstance(command, tuple):
            return self._printed(command)
        ci = self._ci()
        if ci is not None:
            return self._sound(ci.get(self.inputs, self.text("audience")), ci.title)
        variable = self.text("token_env")
        if variable is not None:
            return self._of_variable(variable)
        path = self.text("token_file") or environ.get(FILE_VARIABLE)
        if not path:
            raise SourceError(
                "there is no web identity token here",
                cause=f"{FILE_VARIABLE} is not set, and source '{self.source.name}' names no token",
                fix=f"run it where EKS sets that variable, or add one of {', '.join(TOKEN_SOURCES)}",
            )
        return self._of_file(Path(path))

    def at_hand(self) -> Claims | None:
        """Return what the token says where it lies in a file or a variable; ``None``: it does not.

        No call is made for it, no program run, nobody asked.
        """
        if not self.lies_here:
            return None
        try:
            return self.claims(self.token())
        except SourceError:
            return None

    def _ci(self) -> Ci | None:
        """Return the CI service whose job this is; ``None``: the config names none.

        Raises:
            SourceError: it is named, and there is no token of it here.
        """
        ci = CI.get(self.text("ci") or "")
        problem = missing(ci, self.inputs, self.text("audience")) if ci is not None else None
        if problem is not None:
            raise problem
        return ci

    def _printed(self, command: tuple[str, ...]) -> Secret:
        what = f"the token_command of source '{self.source.name}'"
        output = printed_by(command, self.inputs, what=what, secret=True)
        printed = output.decode("utf-8", "replace")
        return self._sound(Secret(printed.strip()), f"the output of {command[0]}")

    def _of_variable(self, name: str) -> Secret:
        value = self.inputs.secret_variable(name)
        if not (value or "").strip():
            raise SourceError(
                f"there is no token in the variable {name}",
                cause="it is not set" if value is None else "it is empty",
                fix="run it where that variable is set (GitLab: id_tokens: of the job)",
            )
        return self._sound(Secret((value or "").strip()), f"the variable {name}")

    def _of_file(self, path: Path) -> Secret:
        try:
            raw = read_regular(self.inputs.watched(path), _LONGEST_FILE)
        except FileNotFoundError:
            raise SourceError(
                f"the token file {path} is not there",
                cause="whoever should write it has not, or the path is wrong",
                fix="check token_file, or AWS_WEB_IDENTITY_TOKEN_FILE",
            ) from None
        except OSError as error:
            command = "name a file, or use token_command"
            raise SourceError(
                f"the token file {path} cannot be read",
                cause=(error.strerror or "the system does not say why").lower(),
                fix=command if isinstance(error, NotRegular) else "check its owner and mode",
            ) from None
        text = raw.decode("utf-8", "replace").strip()
        return self._sound(Secret(text), f"the token file {path}")

    def _sound(self, token: Secret, place: str) -> Secret:
        """Return ``token`` where it can be one at all.

        Raises:
            SourceError: it is empty, not alone, or no JSON Web Token though it must be one.
        """
        from rolehop.oauth.jwt import check_one_word, read_claims

        if not token:
            raise SourceError(
                f"{place} holds no token",
                cause="it is empty",
                fix="see to it that what writes the token does, or name another place",
            )
        try:
            check_one_word(token)
            if self.text("provider_id") is None:
                read_claims(token)
        except ValueError as error:
            reason = str(error)
        else:
            return token
        raise SourceError(
            f"{place} holds no web identity token",
            cause=reason,
            fix="let it hold the token alone; for an OAuth 2.0 access token set provider_id",
        )

    def claims(self, token: Secret) -> Claims | None:
        """Return what the token says of itself; ``None``: nothing, it is opaque."""
        from rolehop.oauth.jwt import read_claims

        try:
            return read_claims(token)
        except ValueError:
            return None

    def text(self, key: str) -> str | None:
        """Return a setting that is a text; empty counts as absent."""
        value = self.source.settings.get(key)
        return value if isinstance(value, str) and value else None
