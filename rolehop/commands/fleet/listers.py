"""What lists the accounts of a fleet, what it answers, and what has changed since the last answer.

Of listers there is one for each way to AWS, which all fleets that go it use.
The listers themselves are in `aws_listers`, which is imported only when AWS is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rolehop.base.dataclass import dataclass
from rolehop.config.model import ListedAccount

if TYPE_CHECKING:
    from rolehop.app.ports import Progress
    from rolehop.config.account_query import AccountQuery
    from rolehop.plan.walk_options import WalkOptions


class AccountAnswer(NamedTuple):
    """What AWS answered for one fleet."""

    accounts: tuple[ListedAccount, ...]
    left_out: Mapping[str, int]
    """How many accounts were left out, by why: a state of AWS (``SUSPENDED``)."""

    without_effect: tuple[str, ...] = ()
    """What the fleet's query says in vain, since no account is like that: ``ou Prd/*``."""


class ListingProgress(Protocol):
    """Watches while AWS is asked; called from any thread."""

    def asked(self, calls: int, accounts: int) -> None:
        """Show how many calls were made so far, and how many accounts they gave."""
        ...


class Lister(Protocol):
    """Asks through one chain or source; what is asked once is not asked again for another fleet."""

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        ...

    def list(self, query: AccountQuery) -> AccountAnswer:
        """Return the accounts of a fleet, every one of them checked.

        Raises:
            RolehopError: AWS refuses, cannot be reached, or answers something that makes no sense;
                or nobody is signed in.
        """
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class Asking(NamedTuple):
    """What a lister needs besides the application."""

    options: WalkOptions
    """Flags of the walk to the chain that may read; ``--no-prompt``."""

    walk: Progress
    """Watches that walk."""

    progress: ListingProgress


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One account of which something changed; ``before`` or ``after`` is ``None``: it was not there."""

    before: ListedAccount | None
    after: ListedAccount | None
    replaces: str | None = None
    """The account that its chain led to before, if that is another one."""

    @property
    def account(self) -> ListedAccount:
        """The account as it is, or as it was if it is gone."""
        return next(each for each in (self.after, self.before) if each is not None)

    @property
    def earlier(self) -> ListedAccount | None:
        """The account as it was, if it is still there."""
        return None if self.after is None else self.before

    @property
    def kinds(self) -> tuple[str, ...]:
        """``added``, ``removed``, or what applies of ``renamed``, ``moved``, ``roles``, ``chain``.

        ``chain``: its chain is called otherwise, since another account has, or had, the same name.
        ``replaces`` comes last.
        """
        last = () if self.replaces is None else ("replaces",)
        if self.before is None or self.after is None:
            return ("added" if self.before is None else "removed", *last)
        pairs = (("renamed", "name"), ("moved", "unit"), ("roles", "roles"), ("chain", "spelled"))
        found = [kind for kind, of in pairs if getattr(self.before, of) != getattr(self.after, of)]
        return (*(each for each in found if each != "chain" or "renamed" not in found), *last)


def changes_between(
    before: Iterable[ListedAccount], after: Iterable[ListedAccount]
) -> tuple[AccountChange, ...]:
    """Return what changed, by account ID."""
    old, new = ({each.account: each for each in accounts} for accounts in (before, after))
    chains = {each.spelled: each.account for each in old.values()}
    changes = []
    for account in sorted({*old, *new}):
        now = new.get(account)
        led_to = None if now is None else chains.get(now.spelled)
        if old.get(account) != now:
            replaces = None if led_to == account else led_to
            changes.append(AccountChange(old.get(account), now, replaces))
    return tuple(changes)
