"""Send a person to a sign-in page, without its address in any program's arguments, log or pipe.

Whoever has such an address may sign in as somebody else, and the chains would walk as them. Apart
from the sign-ins, because two types of sources have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.base.errors import NoTerminal

if TYPE_CHECKING:
    from rolehop.aws.net.loopback_pages import Callback
    from rolehop.base.credentials import Secret
    from rolehop.sources.context import Prompter


def code_from_browser(
    callback: Callback, url: str, whose: str, person: Prompter, *, browser: bool
) -> Secret:
    """Send a person to ``url``, and return the authorization code that their browser brings.

    Each way there is a page of its own, given once: who signs in elsewhere than in the browser that
    was opened goes by the address on the terminal.

    Args:
        callback: what waits for the answer.
        url: the sign-in page.
        whose: the page, in words.
        person: who signs in.
        browser: one may be opened.

    Raises:
        NoTerminal: there is neither a browser nor a terminal.
        SourceError: it was refused, or nobody came in time.
    """
    from rolehop.aws.net.loopback_pages import redirect

    page = redirect(url)
    is_open = browser and person.open_browser(callback.once(page))
    if is_open:
        person.say(f"sign in to {whose} in the browser")
    how = "if none opens, open" if is_open else "open"
    where = f"{how} this address in a browser on this machine:"
    if not person.show(where, callback.once(page).url) and not is_open:
        raise nowhere_to_show(whose)
    return callback.wait()


def nowhere_to_show(whose: str) -> NoTerminal:
    """Return the error for a sign-in whose address can be shown to nobody."""
    return NoTerminal(
        f"the sign-in to {whose} needs a browser or a terminal",
        cause="its address is a secret, and not written to a log or a pipe",
        fix="run the command in a terminal",
    )
