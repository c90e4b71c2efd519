"""The only guest of the OS keyring: sessions and IAM user keys at rest.

Nothing here imports the keyring library before it is used. ``as_item``/``read_item`` and
``chunks`` say what the texts look like; ``choose_backend`` says where they rest.
"""

from rolehop.vault.backend import Chosen, choose_backend
from rolehop.vault.index import Entry, Finding, Index, KeyEntry, Spent
from rolehop.vault.keystore import KeyStore
from rolehop.vault.lock import FileLocks
from rolehop.vault.store import IndexStore
from rolehop.vault.vault import KeyringVault

__all__ = [
    "Chosen",
    "Entry",
    "FileLocks",
    "Finding",
    "Index",
    "IndexStore",
    "KeyEntry",
    "KeyStore",
    "KeyringVault",
    "Spent",
    "choose_backend",
]
