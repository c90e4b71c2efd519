"""Read CloudTrail events of refused calls whose message gives no reason: S3's "Access Denied"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rolehop.access_denied.model import AccessDenied, Excerpt

# Event sources and events whose name is not that of the action (service authorization reference).
_SERVICES = {"monitoring": "cloudwatch", "email": "ses"}
S3_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}
_DEPTH = 4


def event_without_reason(text: str) -> Iterator[Excerpt]:
    """Yield the refused calls of CloudTrail events in a JSON text."""
    if "errorCode" not in text:
        return
    try:
        found = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return
    for event in _events(found, _DEPTH):
        excerpt = _refused(event)
        if excerpt is not None:
            yield excerpt


def _events(value: object, depth: int) -> Iterator[Mapping[str, object]]:
    """Yield the events in ``{"Records": […]}`` of a log file and ``{"Events": […]}`` of the CLI."""
    if isinstance(value, str) and depth and '"errorCode"' in value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, list):
        for each in value:
            yield from _events(each, depth)
    elif isinstance(value, dict):
        if "errorCode" in value:
            yield value
        elif depth:
            for name in ("Records", "Events", "CloudTrailEvent", "detail"):
                yield from _events(value.get(name), depth - 1)


def _refused(event: Mapping[str, object]) -> Excerpt | None:
    code, source, name = (_text(event, key) for key in ("errorCode", "eventSource", "eventName"))
    if not (code and source and name):
        return None
    if not ("AccessDenied" in code or "UnauthorizedOperation" in code):
        return None
    service = source.partition(".")[0]
    action = S3_ACTIONS.get(name, name) if service == "s3" else name
    denied = AccessDenied(
        caller=_text(_object(event.get("userIdentity")), "arn"),
        action=f"{_SERVICES.get(service, service)}:{action}",
        resource=_resource(event, service),
    )
    return Excerpt(denied, _text(event, "errorMessage") or "", code)


def _resource(event: Mapping[str, object], service: str) -> str | None:
    """Return the ARN of the resource, from the parameters if the event lists none."""
    listed = event.get("resources")
    arns = [_text(_object(each), "ARN") for each in listed] if isinstance(listed, list) else []
    asked = _object(event.get("requestParameters"))
    bucket, key = _text(asked, "bucketName"), _text(asked, "key")
    if service == "s3" and bucket is not None:
        return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    named = (each for each in (*arns, _text(asked, "roleArn")) if each)
    return next(named, None)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, object], key: str) -> str | None:
    found = value.get(key)
    return found if isinstance(found, str) else None
