"""The parameters of STS calls: what AWS takes and refuses, with its codes and texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.doubles.sts_world import Key, World


class Refused(Exception):
    """An ErrorResponse."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Request:
    """One authenticated call."""

    params: Mapping[str, str]
    signer: Key
    region: str
    now: datetime
    token_length: int
    packed_limit: int
    tells_reasons: bool


# API Reference of AWS STS, AssumeRole: shortest, longest, pattern. None: anything.
_NAME = r"[\w+=,.@-]*"
_LIMITS: dict[str, tuple[int, int, str | None]] = {
    "RoleArn": (20, 2048, None),
    "RoleSessionName": (2, 64, _NAME),
    "Policy": (1, 2048, r"[\t\n\r\x20-\xff]+"),
    "ExternalId": (2, 1224, r"[\w+=,.@:\/-]*"),
    "SerialNumber": (9, 256, r"[\w+=/:,.@-]*"),
    "TokenCode": (6, 6, r"[0-9]*"),
    "SourceIdentity": (2, 64, _NAME),
    "DurationSeconds": (1, 6, r"[0-9]+"),
    "ScopedSessionDescription": (2, 256, r"[\x20-\x7e\xa0-\xff]+"),
    "WebIdentityToken": (4, 20000, None),
    "ProviderId": (4, 2048, None),
}
_MEMBER_LIMITS: dict[str, tuple[int, int, int, str | None]] = {
    # most members, then shortest, longest, pattern
    "PolicyArns.arn": (10, 20, 2048, r"arn:[\w-]+:iam::(aws|\d{12}):policy/[\w+=,.@/-]+"),
    "Tags.Key": (50, 1, 128, r"[\w\s.:/=+\-@]+"),
    "Tags.Value": (50, 0, 256, r"[\w\s.:/=+\-@]*"),
    "TransitiveTagKeys.": (50, 1, 128, r"[\w\s.:/=+\-@]+"),
}
_MEMBER = re.compile(r"(\w+)\.member\.(\d+)(?:\.(\w+))?")


def _invalid(name: str, value: str, constraint: str) -> Refused:
    member = name[0].lower() + name[1:]
    return Refused(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: {constraint}",
    )


def check_params(params: Mapping[str, str], required: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Check every parameter against its limits; return the lists, by ``Name.field``."""
    for name in required:
        if name not in params:
            raise _invalid(name, "null", "Member must not be null")
    lists: dict[str, list[str]] = {}
    for name, value in params.items():
        match = _MEMBER.fullmatch(name)
        if match is None:
            if name not in _LIMITS:
                raise Refused("ValidationError", f"the double knows no parameter {name}")
            _check(name, value, *_LIMITS[name])
            continue
        path = f"{match[1]}.{match[3] or ''}"
        if path not in _MEMBER_LIMITS:
            raise Refused("ValidationError", f"the double knows no parameter {name}")
        most, *limits = _MEMBER_LIMITS[path]
        _check(match[1], value, *limits)  # type: ignore[arg-type]
        members = lists.setdefault(path, [])
        members.append(value)
        if len(members) != int(match[2]):
            raise Refused("ValidationError", f"{name} is out of order")
        if len(members) > most:
            raise _invalid(match[1], str(members), f"length less than or equal to {most}")
    if "RoleArn" in params and ":role/" not in params["RoleArn"]:
        raise Refused("ValidationError", "Request ARN is invalid")
    return lists


def _check(name: str, value: str, shortest: int, longest: int, pattern: str | None) -> None:
    if len(value) < shortest:
        raise _invalid(name, value, f"Member must have length greater than or equal to {shortest}")
    if len(value) > longest:
        raise _invalid(name, value, f"Member must have length less than or equal to {longest}")
    if pattern is not None and re.fullmatch(pattern, value) is None:
        raise _invalid(name, value, f"Member must satisfy regular expression pattern: {pattern}")


def check_duration_range(params: Mapping[str, str], least: int, most: int) -> None:
    seconds = params.get("DurationSeconds", str(least))
    if int(seconds) < least:
        raise _invalid("DurationSeconds", seconds, f"value greater than or equal to {least}")
    if int(seconds) > most:
        raise _invalid("DurationSeconds", seconds, f"value less than or equal to {most}")


def session_tags(lists: Mapping[str, list[str]], signer: Key) -> tuple[dict[str, str], list[str]]:
    keys, values = lists.get("Tags.Key", []), lists.get("Tags.Value", [])
    if len(keys) != len(values):
        raise Refused("ValidationError", "every tag needs a key and a value")
    if len({key.lower() for key in keys}) != len(keys):
        raise Refused("InvalidParameterValue", "Duplicate tag keys found.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise Refused("ValidationError", "tag keys must not begin with aws:")
    if {key.lower() for key in keys} & {key.lower() for key in signer.transitive}:
        raise Refused(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session.",
        )
    transitive = lists.get("TransitiveTagKeys.", [])
    if not {key.lower() for key in transitive} <= {key.lower() for key in keys}:
        raise Refused("ValidationError", "transitive tag keys must be among the tags")
    return dict(zip(keys, values, strict=True)), transitive


def session_policies(
    world: World, params: Mapping[str, str], lists: Mapping[str, list[str]]
) -> list[str] | None:
    arns = lists.get("PolicyArns.arn", [])
    account = params["RoleArn"].split(":")[4]
    if any(arn.split(":")[4] not in ("aws", account) for arn in arns):
        raise Refused("ValidationError", "session policies must be of the role's account")
    documents = [world.managed_policies[arn] for arn in arns if arn in world.managed_policies]
    if "Policy" in params:
        documents.append(checked_policy(params["Policy"]))
    if len("".join([*arns, params.get("Policy", "")])) > 2048:
        raise _invalid("Policy", "…", "Member must have length less than or equal to 2048")
    return documents if arns or "Policy" in params else None


# IAM user guide, "IAM JSON policy elements: Condition operators".
_OPERATOR = re.compile(
    r"(For(AnyValue|AllValues):)?(String(Not)?(Equals(IgnoreCase)?|Like)|Arn(Not)?(Equals|Like)"
    r"|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress"
    r"|Null)(IfExists)?"
)


def checked_policy(text: str) -> str:
    try:
        statements = json.loads(text)["Statement"]
        listed = statements if isinstance(statements, list) else [statements]
        sound = all("Effect" in each and {"Resource", "NotResource"} & set(each) for each in listed)
    except (ValueError, TypeError, KeyError):
        raise Refused("MalformedPolicyDocument", "Syntax errors in policy.") from None
    operators = [name for each in listed for name in each.get("Condition", {})]
    if not all(map(_OPERATOR.fullmatch, operators)):
        raise Refused("MalformedPolicyDocument", "Syntax errors in policy.")
    if any("Principal" in each for each in listed):
        raise Refused("MalformedPolicyDocument", "Policy document should not specify a principal.")
    if not sound:
        raise Refused("MalformedPolicyDocument", "Policy statement must contain resources.")
    return text


def end_of(now: datetime, seconds: int) -> datetime:
    return now.replace(microsecond=0) + timedelta(seconds=seconds)


def credentials_xml(session: Key) -> str:
    """Return a session as STS writes it."""
    assert session.expires_at is not None
    return (
        f"<Credentials><AccessKeyId>{session.access_key_id}</AccessKeyId><SecretAccessKey>"
        f"{session.secret}</SecretAccessKey><SessionToken>{session.token}</SessionToken>"
        f"<Expiration>{session.expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
    )


def invalid_token() -> Refused:
    text = "The security token included in the request is invalid."
    return Refused("InvalidClientTokenId", text, 403)
