"""Sessions, IAM user keys and sign-ins in the OS keyring; the only package that uses it.

``sessions`` is the vault of a walk, ``access_keys`` and ``sign_ins`` keep what sources need,
``backend_selection`` chooses the keyring, ``serialization`` and ``chunks`` define the items'
formats, ``index`` and ``index_file`` what is known without reading a secret, and ``locks`` keep
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


def backend_label(name: str) -> str:
    """Return e.g. ``Secret Service`` for a back end (``module.Class``); an unknown one as it is."""
    return _LABELS.get(name, name)
