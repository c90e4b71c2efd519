"""What rolehop keeps: secrets in the OS keyring, which no other package uses; the rest in the state folder.

``sessions`` is the vault of a walk, ``documents`` keeps what sources need, ``backend_selection``
chooses the keyring and ``storage`` calls it; ``serialization`` and ``chunks`` define the items'
formats. ``index`` and ``index_file`` are what is known without reading a secret, ``notes``,
``refusals``, ``fleet_accounts`` and ``history`` what later commands want to know; ``locks`` keep
processes from doing the same work twice. Nothing is imported here: a cached answer needs
``serialization`` alone.
"""

FREEDESKTOP = "keyring.backends.SecretService.Keyring"
KWALLET = "keyring.backends.kwallet.DBusKeyring"
KERNEL = "rolehop.vault.kernel.KernelKeyring"
GPG_STORE = "rolehop.vault.password_store.PasswordStore"
MACOS = "keyring.backends.macOS.Keyring"
WINDOWS = "keyring.backends.Windows.WinVaultKeyring"

_LABELS = {
    FREEDESKTOP: "Secret Service",
    KWALLET: "KWallet",
    KERNEL: "kernel keyring",
    GPG_STORE: "pass",
    MACOS: "Keychain",
    WINDOWS: "Credential Manager",
}

PLAIN_NAMES = {
    FREEDESKTOP: "secret-service",
    KWALLET: "kwallet",
    KERNEL: "kernel",
    GPG_STORE: "pass",
    MACOS: "keychain",
    WINDOWS: "wincred",
}
"""What each is called in the config."""


def plain_name(name: str) -> str:
    """Return what a back end (``module.Class``) is called in the config; an unknown one as it is."""
    return PLAIN_NAMES.get(name, name)


def backend_label(name: str) -> str:
    """Return e.g. ``Secret Service`` for a back end (``module.Class``); an unknown one as it is."""
    return _LABELS.get(name, name)
