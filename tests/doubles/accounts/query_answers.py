"""The XML that AWS's Query services answer with, and EC2 in its own form."""

from __future__ import annotations

from xml.sax.saxutils import escape

VERSIONS = {"sts": "2011-06-15", "iam": "2010-05-08", "ec2": "2016-11-15"}


def result_xml(service: str, action: str, result: str) -> bytes:
    """Return an answer with the inside ``result``."""
    if service == "ec2":  # EC2 API reference: no Result element, the request's ID first
        return (
            f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/{VERSIONS["ec2"]}/">'
            f"<requestId>double</requestId>{result}</{action}Response>"
        ).encode()
    return (
        f'<{action}Response xmlns="https://{service}.amazonaws.com/doc/{VERSIONS[service]}/">'
        f"<{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>double</RequestId>"
        f"</ResponseMetadata></{action}Response>"
    ).encode()


def error_xml(code: str, message: str, action: str = "") -> bytes:
    """Return an error, as EC2 has it for its only action here."""
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if action == "DescribeRegions":
        return f"<Response><Errors><Error>{error}</Errors><RequestID>double</RequestID></Response>".encode()
    return (
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/{VERSIONS["sts"]}/"><Error>'
        f"<Type>Sender</Type>{error}<RequestId>double</RequestId></ErrorResponse>"
    ).encode()
