"""IAM user keys that rest in the vault under the source's own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config.schema import Table
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.shared.mfa import MFA_KEYS, mfa_command_found
from rolehop.sources.source_type import Finding, SourceType
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.context import KeyStore, SourceContext

TABLE = Table(
    "sources.NAME (keys)", "IAM user keys in the vault, put there by rolehop keys add", MFA_KEYS
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return the access key ID, from the index where it is known there.

    Raises:
        VaultError: the index does not know and the keyring cannot be read.
    """
    found = inputs.keys.access_key_id(source.name)
    if found is None:
        # The index is only a hint and may be lost; the item itself decides.
        kept = inputs.keys.get(source.name)
        found = kept.access_key_id if kept else None
    if found is None:
        problem = f"{_absent(source.name).what} (rolehop keys add {source.name})"
        return Stamp(None, long_lived=True, problem=problem)
    return Stamp(found, long_lived=True)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; the keyring is read when it is loaded."""
    return _Keys(source.name, inputs.keys)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say whether keys are kept; of a key ID just its end.

    Raises:
        VaultError: the index does not know and the keyring cannot be read.
    """
    found = stamp(source, inputs).value
    shown = "none" if found is None else f"…{found[-4:]}"
    looked_for = f"IAM user keys in the vault, under '{source.name}'"
    return [
        Finding(looked_for, shown, found is not None),
        *mfa_command_found(source, inputs),
    ]


@dataclass(frozen=True, slots=True)
class _Keys:
    name: str
    store: KeyStore

    def load(self) -> Credentials:
        """Return the keys.

        Raises:
            SourceError: there are none under this name.
            VaultError: the keyring cannot be read.
        """
        kept = self.store.get(self.name)
        if kept is None:
            raise _absent(self.name)
        return kept


def _absent(name: str) -> SourceError:
    return SourceError(
        f"no keys are in the vault for source '{name}'",
        cause="they were never added, were removed, or were kept only until the last reboot",
        fix=f"rolehop keys add {name}",
    )


TYPE = SourceType(TABLE, stamp, build, findings)
