"""Odd AWS config files, as people and programs leave them."""

from __future__ import annotations

_TWO = "[default]\nregion = us-east-1\n\n[profile dev]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/A\n"
_SSO = (
    "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n"
)
_NESTED = "[profile s]\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n"

READABLE: dict[str, str] = {
    "empty": "",
    "one blank line": "\n",
    "only blanks": "   \n\t\n",
    "only a comment": "# nothing here\n",
    "only a comment without an end": "# nothing here",
    "two profiles": _TWO,
    "no final newline": _TWO.rstrip("\n"),
    "no final newline, one line": "[default]",
    "many final newlines": _TWO + "\n\n\n\n",
    "a blank line with blanks at the end": _TWO + "    \n",
    "blanks without a newline at the end": _TWO + "    ",
    "a header without keys at the end": _TWO + "[profile last]\n",
    "CRLF": _TWO.replace("\n", "\r\n"),
    "CRLF, no final newline": _TWO.replace("\n", "\r\n").rstrip("\r\n"),
    "CRLF and LF mixed": "[default]\r\nregion = a\n[profile b]\r\nregion = c\n",
    "mostly LF, CRLF at the end": _TWO + "[profile z]\r\n",
    "lone returns": _TWO.replace("\n", "\r"),
    "lone returns, no final one": _TWO.replace("\n", "\r").rstrip("\r"),
    "LF, a lone return at the end": _TWO + "[profile z]\r",
    "a return before every CRLF": "[default]\r\r\nregion = a\r\r\n",
    "comments with both signs": "; one\n# two\n[default]\n; three\nregion = x\n# four\n",
    "inline comments": "[default]\nregion = us-east-1 # not a comment\noutput = json ; nor this\n",
    "comments after the header": "[profile dev] # mine\nregion = x\n",
    "an indented comment at the end": "[default]\nregion = x\n   # indented\n",
    "colons for equal signs": "[default]\nregion: us-east-1\noutput:json\n",
    "no blanks around signs": "[default]\nregion=us-east-1\noutput=json\n",
    "upper-case keys": "[default]\nREGION = us-east-1\nRole_Arn = x\n",
    "nested settings": _NESTED,
    "nested settings at the end, no newline": _NESTED.rstrip("\n"),
    "a value that goes on in the next line": "[default]\nregion = us-\n  east-1\n",
    "an indented section": "  [default]\n  region = us-east-1\n",
    "quotes in a header": '[profile "two words"]\nregion = x\n',
    "single quotes in a header": "[profile 'a b c']\nregion = x\n",
    "a quote that never ends": '[profile "open]\nregion = x\n',
    "three words in a header": "[profile a b]\nregion = x\n",
    "tabs in a header": "[profile\tdev]\nregion = x\n",
    "no prefix": "[dev]\nregion = x\n",
    "another tool's section": "[plugins]\nendpoint = awscli_plugin_endpoint\n[granted]\nx = y\n",
    "Identity Center": _SSO + "[profile dev]\nsso_session = corp\nsso_account_id = 111111111111\n",
    "services": "[services local]\nsts =\n  endpoint_url = http://localhost:1\n[profile l]\nservices = local\n",
    "default with a prefix, and without": "[profile default]\nregion = a\n[default]\nregion = b\n",
    "percent signs": "[default]\nrole_session_name = 100%%\nx = %(y)s\n",
    "brackets in values": "[default]\nx = [profile fake]\ny = [[a]]\n",
    "a marker of ours as a value": "[default]\nx = # >>> rolehop profiles >>>\n",
    "a marker of another tool": "# >>> conda initialize >>>\n[default]\n# <<< conda initialize <<<\n",
    "names that are not ASCII": "[profile früh]\nregion = eu-west-1\n[profile 日本]\nregion = x\n",
    "line separators of Unicode": "[default]\nx = a\u2028b\u0085c\x0cd\x0be\n",
    "a null character": "[default]\nx = a\x00b\n",
    "very long lines": f"[default]\nx = {'y' * 20000}\n",
    "a hundred profiles": "".join(f"[profile p{n}]\nregion = r{n}\n" for n in range(100)),
    "another tool's process": "[profile x]\ncredential_process = granted credential-process --profile y\n",
    "our process, by hand": "[profile x]\ncredential_process = rolehop credential-process admin\n",
}
"""By what is odd: those that botocore reads."""

MARKED: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + _TWO.encode(),
    "a byte order mark, CRLF": b"\xef\xbb\xbf" + _TWO.replace("\n", "\r\n").encode(),
    "nothing but a byte order mark": b"\xef\xbb\xbf",
}
"""Those that begin with a byte order mark, which other SDKs read and botocore does not."""

REFUSED: dict[str, bytes] = {
    "a section twice": b"[default]\n[default]\n",
    "a key twice": b"[default]\na = b\na = c\n",
    "a key before any section": b"region = x\n",
    "a line that is nothing": b"[default]\njust words\n",
    "not UTF-8": "[profile früh]\n".encode("latin-1"),
    "UTF-16": _TWO.encode("utf-16"),
    "a block without an end": b"[default]\n# >>> rolehop profiles >>>\n",
    "an end without a block": b"# <<< rolehop profiles <<<\n",
    "a block twice": b"# >>> rolehop profiles >>>\n# <<< rolehop profiles <<<\n" * 2,
    "a setting after the block": b"[default]\n# >>> rolehop profiles >>>\n[profile x]\nregion = a\n"
    b"# <<< rolehop profiles <<<\noutput = json\n",
}
"""Those to which nothing is added."""

OWN: dict[str, bytes] = {
    "the profile itself": b"[profile admin]\nregion = x\n",
    "the profile itself, quoted": b'[profile "admin"]\n',
    "the profile without its prefix": b"[admin]\nregion = x\n",
}
"""Those in which the user has a profile of a chain's name."""
