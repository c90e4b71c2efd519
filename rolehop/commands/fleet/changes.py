"""What has changed of a fleet's accounts since AWS listed them last."""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.base.dataclass import dataclass
from rolehop.config.model import ListedAccount

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
        change = AccountChange(old.get(account), now, None if led_to == account else led_to)
        if change.kinds:
            changes.append(change)
    return tuple(changes)
