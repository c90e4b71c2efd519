"""What sources keep in the keyring, which is opened only when something is read or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.credentials import Credentials
    from rolehop.sources.context import Document


class KeysWhenAsked:
    """IAM user keys, the keyring opened only when one is asked for; implements sources.KeyStore."""

    def __init__(self, app: App) -> None:
        self._app = app

    def get(self, name: str) -> Credentials | None:
        """Return the keys kept for source ``name``."""
        return self._app.vault.keys.get(name)

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID from the index."""
        entry = self._app.index.keys.get(name)
        return None if entry is None else entry.access_key_id


class TokensWhenAsked:
    """Sign-ins, the keyring opened only when one is read or kept; implements sources.TokenStore."""

    def __init__(self, app: App) -> None:
        self._app = app

    def get(self, name: str) -> Document | None:
        """Return the document under ``name``."""
        return self._app.vault.tokens.get(name)

    def put(self, name: str, document: Document) -> None:
        """Keep ``document`` in the place of what was there."""
        self._app.vault.tokens.put(name, document)

    def begin(self, name: str, document: Document) -> str:
        """Keep the ``document`` of a new sign-in and return its generation."""
        return self._app.vault.tokens.begin(name, document)

    def remove(self, name: str) -> bool:
        """Forget document and generation."""
        return self._app.vault.tokens.remove(name)

    def generation(self, name: str) -> str | None:
        """Return the generation, from the index."""
        self._app.watch.file(self._app.index_store.path)
        return self._app.vault.tokens.generation(name)
