"""What has changed of a fleet's accounts since AWS listed them last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolehop.base.dataclass import dataclass
from rolehop.config.model import FleetListing, ListedAccount

_MOST_FORMER = 10_000
"""Names that are remembered; the oldest go first."""

_COMPARED = (
    ("renamed", "name"),
    ("moved", "unit"),
    ("roles", "roles"),
    ("tags", "tags"),
    ("chain", "spelled"),
)


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
        """``added``, ``removed``, or what applies of ``renamed``, ``moved``, ``roles``, ``tags``, ``chain``.

        ``chain``: its chain is called otherwise, since another account has, or had, the same name.
        ``replaces`` comes last. An OU or tags that were not known before are no change.
        """
        last = () if self.replaces is None else ("replaces",)
        if self.before is None or self.after is None:
            return ("added" if self.before is None else "removed", *last)
        found = [
            kind
            for kind, of in _COMPARED
            if (was := getattr(self.before, of)) != (now := getattr(self.after, of))
            and None not in (was, now)
        ]
        return (*(each for each in found if each != "chain" or "renamed" not in found), *last)


def changes_between(before: FleetListing, after: FleetListing) -> tuple[AccountChange, ...]:
    """Return what changed, by account ID."""
    old, new = ({each.account: each for each in found.accounts} for found in (before, after))
    chains = {**before.former, **{each.spelled: each.account for each in old.values()}}
    changes = []
    for account in sorted({*old, *new}):
        now = new.get(account)
        led_to = None if now is None else chains.get(now.spelled)
        change = AccountChange(old.get(account), now, None if led_to == account else led_to)
        if change.kinds:
            changes.append(change)
    return tuple(changes)


def former_names(before: FleetListing, accounts: Iterable[ListedAccount]) -> dict[str, str]:
    """Return the names that none of ``accounts`` has now, with the account that each led to last.

    Whoever gets such a name later takes another account's place, as one that takes it at once does.
    """
    now = {each.spelled for each in accounts}
    known = {**before.former, **{each.spelled: each.account for each in before.accounts}}
    left = [(name, account) for name, account in known.items() if name not in now]
    return dict(left[-_MOST_FORMER:])


def missing_members(before: FleetListing, after: FleetListing) -> tuple[int, int]:
    """Return how many chains the fleet loses, and how many it had; a role of an account is one each."""
    old, new = (set(_members(found)) for found in (before, after))
    return len(old - new), len(old)


def _members(listing: FleetListing) -> Iterator[tuple[str, str]]:
    for each in listing.accounts:
        yield from ((each.account, role) for role in each.roles or ("",))
