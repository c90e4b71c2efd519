"""The token of a ``web-identity`` source: from a file, a variable, a program, CI or a sign-in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.credentials import Secret
from rolehop.errors import SourceError, SourceWithdrawn
from rolehop.files import NotRegular, read_regular
from rolehop.sources.shared.subprocesses import source_command_output
from rolehop.sources.web_identity.ci_tokens import CI, CiService, missing
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
class TokenOrigin:
    """The token of one source, as configured."""

    source: SourceConfig
    context: SourceContext
    generation: str | None
    """Generation of rolehop's own sign-in that the walk was planned with, if there is one."""

    @classmethod
    def of(cls, source: SourceConfig, context: SourceContext) -> TokenOrigin:
        """Remember the current sign-in."""
        provider = provider_of(source)
        generation = context.tokens.generation(provider.token_name) if provider else None
        return cls(source, context, generation)

    def state(self) -> str:
        """Return what tells this token from those of other principals, without a call.

        Raises:
            SourceError: there is no token, or it cannot be read.
        """
        provider = provider_of(self.source)
        if provider is not None:
            if self.generation is None:
                login = Advice("rolehop source login ", Argument(self.source.name))
                raise SourceWithdrawn(
                    f"nobody is signed in to {provider.issuer} ({login})", fix=login
                )
            return self.generation
        if "token_command" in self.source.settings:
            return "command"
        ci = self._ci()
        if ci is not None and not self.is_local:
            return ci.job_digest(self.context)
        return self.principal_of(self.token())

    @property
    def is_local(self) -> bool:
        """True if it is in a file or a variable: no call, program or person is needed."""
        if "token_command" in self.source.settings or provider_of(self.source) is not None:
            return False
        ci = CI.get(self.text("ci") or "")
        return ci is None or ci.is_local(self.text("audience"))

    def principal_of(self, token: Secret) -> str:
        """Return whose token it is; for one that does not say, a digest of the token."""
        from rolehop.oauth.jwt import token_principal

        return token_principal(token)

    def token(self) -> Secret:
        """Return the current token.

        Raises:
            SourceChanged: somebody has just signed in, so the caller must plan again.
            SourceError: there is none, or it is not a token.
            ServiceError: the service that issues it cannot be reached.
        """
        settings, environ = self.source.settings, self.context.environ
        provider = provider_of(self.source)
        if provider is not None:
            return OidcSignIn(self.source, self.context, provider, self.generation).token()
        command = settings.get("token_command")
        if isinstance(command, tuple):
            return self._from_command(command)
        ci = self._ci()
        if ci is not None:
            return self._checked(ci.get(self.context, self.text("audience")), ci.title)
        variable = self.text("token_env")
        if variable is not None:
            return self._from_variable(variable)
        path = self.text("token_file") or environ.get(FILE_VARIABLE)
        if not path:
            raise SourceError(
                "there is no web identity token here",
                cause=f"{FILE_VARIABLE} is not set, and source '{self.source.name}' names no token",
                fix=f"run it where EKS sets that variable, or add one of {', '.join(TOKEN_SOURCES)}",
            )
        return self._from_file(Path(path))

    def local_claims(self) -> Claims | None:
        """Return the claims of a token in a file or a variable, or ``None`` for other tokens.

        No call is made, no program is run, and nobody is asked.
        """
        if not self.is_local:
            return None
        try:
            return self.claims(self.token())
        except SourceError:
            return None

    def _ci(self) -> CiService | None:
        """Return the CI service in the config, or ``None`` if it names none.

        Raises:
            SourceError: there is no token of that service here.
        """
        ci = CI.get(self.text("ci") or "")
        problem = missing(ci, self.context, self.text("audience")) if ci is not None else None
        if problem is not None:
            raise problem
        return ci

    def _from_command(self, command: tuple[str, ...]) -> Secret:
        what = f"the token_command of source '{self.source.name}'"
        output = source_command_output(command, self.context, what=what, secret=True)
        printed = output.decode("utf-8", "replace")
        return self._checked(Secret(printed.strip()), f"the output of {command[0]}")

    def _from_variable(self, name: str) -> Secret:
        value = self.context.secret_variable(name)
        if not (value or "").strip():
            raise SourceError(
                f"there is no token in the variable {name}",
                cause="it is not set" if value is None else "it is empty",
                fix="run it where that variable is set (GitLab: id_tokens: of the job)",
            )
        return self._checked(Secret((value or "").strip()), f"the variable {name}")

    def _from_file(self, path: Path) -> Secret:
        try:
            raw = read_regular(self.context.watched(path), _LONGEST_FILE)
        except FileNotFoundError:
            raise SourceError(
                f"the token file {path} is not there",
                cause="it has not been written yet, or the path is wrong",
                fix="check token_file, or AWS_WEB_IDENTITY_TOKEN_FILE",
            ) from None
        except OSError as error:
            raise SourceError(
                f"the token file {path} cannot be read",
                cause=(error.strerror or "no reason was given").lower(),
                fix="name a file, or use token_command"
                if isinstance(error, NotRegular)
                else "check its owner and mode",
            ) from None
        text = raw.decode("utf-8", "replace").strip()
        return self._checked(Secret(text), f"the token file {path}")

    def _checked(self, token: Secret, place: str) -> Secret:
        """Return ``token`` after checking its form.

        Raises:
            SourceError: it is empty, has other text around it, or is not a JSON Web Token.
        """
        from rolehop.oauth.jwt import check_one_word, read_claims

        if not token:
            raise SourceError(
                f"{place} holds no token",
                cause="it is empty",
                fix="make sure that the token is written there, or name another place",
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
            fix="it must hold nothing but the token; for an OAuth 2.0 access token set provider_id",
        )

    def claims(self, token: Secret) -> Claims | None:
        """Return the token's claims, or ``None`` if it is opaque."""
        from rolehop.oauth.jwt import read_claims

        try:
            return read_claims(token)
        except ValueError:
            return None

    def text(self, key: str) -> str | None:
        """Return a text setting; an empty one counts as absent."""
        value = self.source.settings.get(key)
        return value if isinstance(value, str) and value else None
