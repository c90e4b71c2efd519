"""A web page in place of an answer is named as one; an answer that merely fails is not."""

from __future__ import annotations

import pytest

from rolehop.aws.net.transport import HttpResponse, web_page_error

HOST = "sts.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("status", "headers", "body", "cause"),
    [
        (302, {"location": "http://hotel.example/in?u=1"}, "", "was redirected to hotel.example"),
        (307, {"location": "/in"}, "", "was redirected (HTTP 307)"),
        (200, {"content-type": "text/html; charset=x"}, "hello", "got the page without a title"),
        (200, {}, " <!DOCTYPE html><title>Wi\n-Fi</title>", 'got the page "Wi -Fi" (HTTP 200)'),
        (403, {}, "<HTML><head>", "got the page without a title (HTTP 403)"),
        (200, {}, '<?xml version="1.0"?>\n<!-- x --><html/>', "got the page without a title"),
        (511, {}, "sign in first", "got the page without a title (HTTP 511)"),
    ],
)
def test_a_web_page_is_named(status: int, headers: dict[str, str], body: str, cause: str) -> None:
    found = web_page_error(HttpResponse(status, headers, body.encode()), HOST, "AssumeRole")
    assert found is not None
    assert found.what == f"a web page answered instead of {HOST}"
    assert str(found.cause).startswith(f"AssumeRole {cause}")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "{}"), (200, "<AssumeRoleResponse/>"), (400, "<ErrorResponse/>"), (503, "<html>")],
)
def test_what_is_no_web_page_is_not_called_one(status: int, body: str) -> None:
    assert web_page_error(HttpResponse(status, {}, body.encode()), HOST, "AssumeRole") is None
