"""Addresses that a hostile sign-in service may send, and that must never reach a browser."""

from __future__ import annotations

HOSTILE = (
    "--gpu-launcher=touch /tmp/owned",
    "-profile=/tmp",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,hello",
    "vscode://extension/install",
    "ms-msdt:/id",
    "ftp://idp.example/x",
    "http://idp.example/device",
    "https:///device",
    "https:",
    "//idp.example/device",
    "idp.example/device",
    "https://user:password@idp.example/",
    "https://idp.example/a b",
    'https://idp.example/"--flag"',
    "https://idp.example/\\..\\x",
    "https://idp.example/`id`",
    "https://idp.example:99999/",
    "https://idp.example/\u202egnp",
)
