"""The four calls of IAM with which users rotate their own access keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ServiceError
from rolehop.base.json_fields import access_key_id, sendable_secret
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.aws.query_api import QueryClient

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key of a user, as IAM lists it."""

    access_key_id: str
    active: bool


class IamKeys:
    """The caller's own keys: IAM takes the user from the signature. Implements ``commands.keys.access_keys.Iam``.

    Every method raises ``StsRefusal`` if IAM answers with an error, and ``ServiceError`` if there
    is no answer or it makes no sense.
    """

    def __init__(self, client: Callable[[], QueryClient]) -> None:
        """``client`` returns the client at the first call, since making one loads botocore."""
        self._client = client

    def create(self, signer: Credentials) -> Credentials:
        """Call CreateAccessKey, once: if its answer is lost, the new key's secret is unknown."""
        return self._ask("CreateAccessKey", {}, signer, _read_created, attempts=1)

    def list(self, signer: Credentials) -> tuple[AccessKey, ...]:
        """Call ListAccessKeys; a user has two at most, so there is one page."""
        return self._ask("ListAccessKeys", {}, signer, _read_list)

    def deactivate(self, signer: Credentials, access_key_id: str) -> None:
        """Call UpdateAccessKey; it is no error if the key is inactive already."""
        params = {"AccessKeyId": access_key_id, "Status": "Inactive"}
        self._ask("UpdateAccessKey", params, signer, _nothing)

    def delete(self, signer: Credentials, access_key_id: str) -> None:
        """Call DeleteAccessKey; it is no error if the key is gone, e.g. because an answer was lost."""
        try:
            self._ask("DeleteAccessKey", {"AccessKeyId": access_key_id}, signer, _nothing)
        except StsRefusal as refusal:
            if refusal.code != "NoSuchEntity":
                raise

    def _ask(
        self,
        action: str,
        params: Mapping[str, str],
        signer: Credentials,
        read: Callable[[Element], T],
        attempts: int | None = None,
    ) -> T:
        root = self._client().call("iam", action, params, signer, attempts=attempts).root
        found = root.find(f"{action}Result")
        try:
            return read(root if found is None else found)
        except ValueError as error:
            reason = str(error)
        raise ServiceError(
            "AWS answered with something unexpected",
            cause=f"{action}: {reason}",
            fix="check that the endpoint is AWS's; if it is, please report this",
        )


def _read_created(result: Element) -> Credentials:
    key_id = result.findtext("AccessKey/AccessKeyId") or ""
    secret = result.findtext("AccessKey/SecretAccessKey") or ""
    return Credentials(
        access_key_id(key_id, "AccessKeyId"), sendable_secret(secret, "SecretAccessKey")
    )


def _read_list(result: Element) -> tuple[AccessKey, ...]:
    listed = result.find("AccessKeyMetadata")
    if listed is None:
        raise ValueError("it contains no list of keys")
    return tuple(
        AccessKey(
            member.findtext("AccessKeyId") or "",
            member.findtext("Status") == "Active",
        )
        for member in listed.findall("member")
    )


def _nothing(result: Element) -> None:
    del result
