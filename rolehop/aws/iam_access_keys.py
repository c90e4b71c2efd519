"""The four calls of IAM by which a user's own access keys are rotated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from rolehop.credentials import Credentials, Secret
from rolehop.errors import ServiceError
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.aws.query_api import QueryClient

T = TypeVar("T")
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_SECRET = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key of a user, as IAM lists it."""

    access_key_id: str
    active: bool
    created_at: datetime | None = None
    """Aware, UTC."""


class IamKeys:
    """A user's own keys: IAM takes the user from the signature. Implements ``rotate.Iam``.

    Every method raises ``StsRefusal`` where IAM answers with an error, and ``ServiceError`` where
    there is no answer or none that can be understood.
    """

    def __init__(self, client: Callable[[], QueryClient]) -> None:
        """``client`` gives the client at the first call, since making one loads botocore."""
        self._client = client

    def create(self, signer: Credentials) -> Credentials:
        """Call CreateAccessKey, once: a key whose answer got lost is one nobody knows."""
        return self._ask("CreateAccessKey", {}, signer, _read_created, attempts=1)

    def list(self, signer: Credentials) -> tuple[AccessKey, ...]:
        """Call ListAccessKeys; a user has two at most, so there is one page."""
        return self._ask("ListAccessKeys", {}, signer, _read_list)

    def deactivate(self, signer: Credentials, access_key_id: str) -> None:
        """Call UpdateAccessKey; a key that is inactive already is no error."""
        params = {"AccessKeyId": access_key_id, "Status": "Inactive"}
        self._ask("UpdateAccessKey", params, signer, _nothing)

    def delete(self, signer: Credentials, access_key_id: str) -> None:
        """Call DeleteAccessKey; one that is gone already, by a lost answer, is no error."""
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
        root = self._client().call("iam", action, params, signer, attempts=attempts)
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
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError("the access key ID is none")
    if _SECRET.fullmatch(secret) is None:
        raise ValueError("the secret holds characters that cannot be sent")
    return Credentials(key_id, Secret(secret))


def _read_list(result: Element) -> tuple[AccessKey, ...]:
    listed = result.find("AccessKeyMetadata")
    if listed is None:
        raise ValueError("there is no list of keys in it")
    return tuple(
        AccessKey(
            member.findtext("AccessKeyId") or "",
            member.findtext("Status") == "Active",
            _time(member.findtext("CreateDate") or ""),
        )
        for member in listed.findall("member")
    )


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _nothing(result: Element) -> None:
    del result
