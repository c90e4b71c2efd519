"""The walk's ``Sts`` port: AssumeRole, GetSessionToken, GetCallerIdentity and their kin.

Cheap to import and to construct: botocore is loaded at the first call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from rolehop.aws import query_answers
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.query_answers import Receipt
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ServiceError, SourceError
from rolehop.config.sts_limits import MAX_SCOPE_DURATION
from rolehop.walk.ports import CallerIdentity, MfaCode, OnCall, ignore_call

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.aws.iam_access_keys import IamKeys
    from rolehop.aws.query_api import QueryClient
    from rolehop.base.arn import RoleArn
    from rolehop.plan.model import Hop, Scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """The parameters of AssumeRoleWithWebIdentity, apart from the token."""

    role: RoleArn
    session_name: str
    duration_seconds: int | None = None
    """Seconds; ``None``: STS's default of one hour."""

    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    provider_id: str | None = None
    """Only for OAuth 2.0 access tokens (``www.amazon.com``), never for OpenID Connect."""


class StsClient:
    """The ``Sts`` port over the network; safe to share between threads.

    ``pool_size`` connections are kept open. ``now`` returns aware UTC times. ``notify`` shows one
    line to the user. ``on_call`` is told each call.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = time.sleep,
        pool_size: int = 10,
        notify: Callable[[str], None] = lambda line: None,
        on_call: OnCall = ignore_call,
    ) -> None:
        self._settings = settings
        self._now = now
        self._sleep = sleep
        self._pool_size = pool_size
        self._notify = notify
        self._on_call = on_call
        self._made: QueryClient | None = None
        self._made_regional: QueryClient | None = None
        """Set if the other one calls the global endpoint."""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        with self._lock:
            for each in filter(None, (self._made, self._made_regional)):
                each.close()
            self._made = self._made_regional = None

    def assume_role(self, hop: Hop, signer: Credentials, mfa: MfaCode | None) -> Session:
        """Call AssumeRole; the session is checked to be of the role and name asked for."""
        params = assume_role_params(hop, mfa)
        return self._ask(
            "sts",
            "AssumeRole",
            params,
            signer,
            lambda result, received: query_answers.read_role_session(result, hop, received),
        )

    def session_token(
        self, signer: Credentials, duration_seconds: int, mfa: MfaCode | None
    ) -> Session:
        """Call GetSessionToken; the session's ``arn`` and ``account`` are empty."""
        params = {"DurationSeconds": str(duration_seconds), **_mfa_params(mfa)}
        return self._ask(
            "sts",
            "GetSessionToken",
            params,
            signer,
            lambda result, received: query_answers.read_token_session(
                result, received, duration_seconds
            ),
        )

    def scoped_session(self, scope: Scope, seconds: int | None, signer: Credentials) -> Session:
        """Call GetScopedCredentials, which AWS has at regional endpoints only.

        Raises:
            ConfigError: the STS endpoint is overridden by AWS's global one.
        """
        return self._ask(
            "sts",
            "GetScopedCredentials",
            _scope_params(scope, seconds),
            signer,
            lambda result, received: query_answers.read_scoped_session(
                result, received, seconds or MAX_SCOPE_DURATION
            ),
            self._regional(),
        )

    def assume_role_with_saml(
        self, role: RoleArn, provider: str, assertion: Secret, duration_seconds: int | None
    ) -> Session:
        """Call AssumeRoleWithSAML, unsigned: the assertion proves who is asking.

        ``assertion`` is base64, ``provider`` the ARN of the SAML provider in the role's account.
        """
        params = {
            "RoleArn": str(role),
            "PrincipalArn": provider,
            "SAMLAssertion": assertion.reveal(),
            **({} if duration_seconds is None else {"DurationSeconds": str(duration_seconds)}),
        }
        return self._ask(
            "sts",
            "AssumeRoleWithSAML",
            params,
            None,
            lambda result, received: query_answers.read_federated_session(
                result, role, received, session_name=None, duration_seconds=duration_seconds
            ),
        )

    def assume_role_with_web_identity(self, wish: WebIdentity, token: Secret) -> Session:
        """Call AssumeRoleWithWebIdentity, unsigned: the token proves who is asking.

        It has no parameters for tags, source identity and external ID; they come from the token's
        claims (STS API reference, AssumeRoleWithWebIdentity).
        """
        optional = {
            "ProviderId": wish.provider_id,
            "Policy": wish.policy,
            "DurationSeconds": None
            if wish.duration_seconds is None
            else str(wish.duration_seconds),
        }
        params = {
            "RoleArn": str(wish.role),
            "RoleSessionName": wish.session_name,
            "WebIdentityToken": token.reveal(),
            **{name: value for name, value in optional.items() if value is not None},
            **_members("PolicyArns", ({".arn": arn} for arn in wish.policy_arns)),
        }
        return self._ask(
            "sts",
            "AssumeRoleWithWebIdentity",
            params,
            None,
            lambda result, received: query_answers.read_federated_session(
                result,
                wish.role,
                received,
                session_name=wish.session_name,
                duration_seconds=wish.duration_seconds,
            ),
        )

    def caller(self, signer: Credentials) -> CallerIdentity:
        """Call GetCallerIdentity."""
        return self._ask(
            "sts",
            "GetCallerIdentity",
            {},
            signer,
            lambda result, _: query_answers.read_caller(result),
        )

    def decode_message(self, signer: Credentials, message: str) -> str:
        """Call DecodeAuthorizationMessage; return the JSON text that AWS decodes it to."""
        return self._ask(
            "sts",
            "DecodeAuthorizationMessage",
            {"EncodedMessage": message},
            signer,
            lambda result, _: result.findtext("DecodedMessage") or "",
        )

    def mfa_device(self, signer: Credentials) -> str:
        """Return the serial of the one device of the calling IAM user that shows codes.

        Raises:
            StsRefusal: the user may not list devices.
            SourceError: the user has none, or more than one.
        """
        serials = self._ask(
            "iam",
            "ListMFADevices",
            {},
            signer,
            lambda result, _: query_answers.read_device_serials(result),
        )
        if len(serials) == 1:
            return serials[0]
        if not serials:
            raise SourceError(
                "the IAM user has no MFA device that shows codes",
                cause="security keys and passkeys cannot be used for calls to AWS",
                fix="add an authenticator app to the user, or remove mfa_serial from the source",
            )
        raise SourceError(
            "the IAM user has more than one MFA device that shows codes",
            cause=f"rolehop cannot choose between {', '.join(serials)}",
            fix="name one of them as the source's mfa_serial",
        )

    @property
    def iam_keys(self) -> IamKeys:
        """The IAM calls with which users rotate their own keys, over the same connections."""
        from rolehop.aws.iam_access_keys import IamKeys

        return IamKeys(self._client)

    @property
    def settings(self) -> ClientSettings:
        """How AWS is called."""
        return self._settings

    def query(self) -> QueryClient:
        """Return the underlying client, to read other services over the same connections."""
        return self._client()

    def _ask(
        self,
        service: Literal["sts", "iam"],
        action: str,
        params: Mapping[str, str],
        signer: Credentials | None,
        read: Callable[[Element, Receipt], T],
        client: QueryClient | None = None,
    ) -> T:
        answer = (client or self._client()).call(service, action, params, signer)
        result = answer.root.find(f"{action}Result")
        if result is None:
            raise _unexpected(action, f"it contains no {action}Result")
        try:
            return read(result, Receipt(self._this_second(), answer.clock_offset))
        except query_answers.SessionEnded as error:
            found = _ended(action, str(error))
        except ValueError as error:
            found = _unexpected(action, str(error))
        raise found

    def _client(self) -> QueryClient:
        with self._lock:
            if self._made is None:
                self._made = self._new_client(self._settings)
            return self._made

    def _regional(self) -> QueryClient:
        """Return a client that never calls the global endpoint, whatever the settings say."""
        settings = self._settings.regional
        if settings == self._settings:
            return self._client()
        with self._lock:
            if self._made_regional is None:
                self._made_regional = self._new_client(settings)
            return self._made_regional

    def _new_client(self, settings: ClientSettings) -> QueryClient:
        # Imported here, since it loads botocore.
        from rolehop.aws.query_api import QueryClient

        return QueryClient(
            settings,
            pool_size=self._pool_size,
            sleep=self._sleep,
            notify=self._notify,
            on_call=self._on_call,
        )

    def _this_second(self) -> datetime:
        return self._now().astimezone(UTC).replace(microsecond=0)


def assume_role_params(hop: Hop, mfa: MfaCode | None) -> dict[str, str]:
    """Return the parameters of AssumeRole for ``hop``, flat as in the Query protocol."""
    optional = {
        "ExternalId": hop.external_id,
        "Policy": hop.policy,
        "SourceIdentity": hop.source_identity,
    }
    return {
        "RoleArn": str(hop.role),
        "RoleSessionName": hop.session_name,
        "DurationSeconds": str(hop.duration_seconds),
        **{name: value for name, value in optional.items() if value is not None},
        **_members("PolicyArns", ({".arn": arn} for arn in hop.policy_arns)),
        **_members("Tags", ({".Key": key, ".Value": value} for key, value in hop.tags)),
        **_members("TransitiveTagKeys", ({"": key} for key in hop.transitive_tags)),
        **_mfa_params(mfa),
    }


def _scope_params(scope: Scope, seconds: int | None) -> dict[str, str]:
    optional = {
        "Policy": scope.policy,
        "DurationSeconds": None if seconds is None else str(seconds),
        "ScopedSessionDescription": scope.description,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _members(name: str, members: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {
        f"{name}.member.{number}{suffix}": value
        for number, member in enumerate(members, start=1)
        for suffix, value in member.items()
    }


def _mfa_params(mfa: MfaCode | None) -> dict[str, str]:
    return {} if mfa is None else {"SerialNumber": mfa.serial, "TokenCode": mfa.code}


def _ended(action: str, reason: str) -> ServiceError:
    return ServiceError(
        "the session had ended when its answer was there",
        cause=f"{action}: {reason}",
        fix="run it again; if this machine did not sleep meanwhile, check its clock",
    )


def _unexpected(action: str, reason: str) -> ServiceError:
    return ServiceError(
        "AWS answered with something unexpected",
        cause=f"{action}: {reason}",
        fix="check that the endpoint is AWS's; if it is, please report this",
    )
