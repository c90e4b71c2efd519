"""IAM user keys, stored in the vault under the source's own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError, SourceWithdrawn
from rolehop.config.schema import Table
from rolehop.plan.model import Stamp
from rolehop.sources.context import SourceChanged
from rolehop.sources.mfa import MFA_KEYS, diagnose_mfa_command
from rolehop.sources.source_type import Diagnosis, SourceType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import KeyStore, SourceContext
    from rolehop.walk.ports import Source

TABLE = Table(
    "sources.NAME (keys)", "IAM user keys in the keyring, stored by rolehop keys add", MFA_KEYS
)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the access key ID, from the index if it is known there.

    Raises:
        VaultError: the index does not hold it, and the keyring cannot be read.
    """
    found = context.keys.access_key_id(source.name)
    if found is None:
        # The index is only a hint and may be lost, so the item itself decides.
        stored = context.keys.get(source.name)
        found = stored.access_key_id if stored else None
    if found is None:
        problem = Advice(
            f"{_absent(source.name).what} (rolehop keys add ", Argument(source.name), ")"
        )
        return Stamp(None, long_lived=True, problem=problem)
    return Stamp(found, long_lived=True)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source, which is planned by the key that is stored now."""
    return _Keys(source.name, context.keys, context.keys.access_key_id(source.name))


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return whether keys are stored, with only the end of the access key ID.

    Raises:
        VaultError: the index does not hold it, and the keyring cannot be read.
    """
    found = stamp(source, context).value
    shown = "none" if found is None else f"…{found[-4:]}"
    looked_for = f"IAM user keys in the keyring, under '{source.name}'"
    return [
        Diagnosis(looked_for, shown, found is not None),
        *diagnose_mfa_command(source, context),
    ]


@dataclass(frozen=True, slots=True)
class _Keys:
    name: str
    store: KeyStore
    access_key_id: str | None

    def load(self) -> Credentials:
        """Return the keys.

        Raises:
            SourceChanged: another key is stored now; plan again.
            SourceError: none are stored under this name.
            VaultError: the keyring cannot be read.
        """
        stored = self.store.get(self.name)
        if stored is None:
            raise _absent(self.name)
        if self.access_key_id not in (None, stored.access_key_id):
            raise SourceChanged
        return stored


def _absent(name: str) -> SourceError:
    return SourceWithdrawn(
        f"no keys are in the keyring for source '{name}'",
        cause="they were never added, were removed, or were stored only until the last reboot",
        fix=Advice("rolehop keys add ", Argument(name)),
    )


TYPE = SourceType(
    TABLE, stamp, build, diagnose, loads_locally=lambda source, context: True, keeps_keys=True
)
