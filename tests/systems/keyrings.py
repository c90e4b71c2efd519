"""The Keychain and the Credential Manager below the real back ends of ``keyring``, and how they fail.

Items are files in the folder that ROLEHOP_TEST_KEYRING names. ROLEHOP_TEST_FAILS says how each call
fails: a status of the Security framework, or an error code of Windows.
"""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

NOT_FOUND = 1168
NOT_FOUND_STATUS = -25300
DENIED, LOCKED, NO_DEFAULT = -128, -25308, -25307
BLOB = 2_560
_TEXTS = {
    5: "Access is denied.",
    8: "Not enough memory resources are available to process this command.",
    NOT_FOUND: "Element not found.",
    1312: "A specified logon session does not exist.",
    1783: "The stub received bad data.",
}


def install(system: str) -> None:
    """Put the library that is below keyring's back end of ``system`` in its place."""
    if system == "darwin":
        _install_keychain()
    else:
        _install_credential_manager()


def _path(target: str) -> Path:
    folder = Path(os.environ["ROLEHOP_TEST_KEYRING"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{target.replace('/', '%2F')}.json"


def _failure() -> int:
    return int(os.environ.get("ROLEHOP_TEST_FAILS", "0"))


def _install_keychain() -> None:
    """As keyring.backends.macOS.api, over files; in a forked process it aborts, as Apple's do."""
    api: Any = types.ModuleType("keyring.backends.macOS.api")
    forked: list[bool] = []
    os.register_at_fork(after_in_child=lambda: forked.append(True))

    class Error(Exception):
        pass

    class NotFound(Error):
        pass

    class KeychainDenied(Error):
        pass

    class SecAuthFailure(Error):
        pass

    def check() -> None:
        if forked:
            os.write(2, b"the Security framework was used in a forked process\n")
            os.abort()
        status = _failure()
        if status == DENIED:
            raise KeychainDenied(status, "Keychain Access Denied")
        if status:
            raise Error(status, "Unknown Error")

    def find_generic_password(chain: object, service: str, username: str) -> str:
        check()
        try:
            return str(json.loads(_path(f"{service}@{username}").read_text())["password"])
        except FileNotFoundError:
            raise NotFound(NOT_FOUND_STATUS, "Item not found") from None

    def set_generic_password(chain: object, service: str, username: str, password: str) -> None:
        check()
        path = _path(f"{service}@{username}")
        path.unlink(missing_ok=True)
        path.write_text(json.dumps({"service": service, "password": password}))

    def delete_generic_password(chain: object, service: str, username: str) -> None:
        check()
        try:
            _path(f"{service}@{username}").unlink()
        except FileNotFoundError:
            raise NotFound(NOT_FOUND_STATUS, "Item not found") from None

    for each in (Error, NotFound, KeychainDenied, SecAuthFailure):
        setattr(api, each.__name__, each)
    for function in (find_generic_password, set_generic_password, delete_generic_password):
        setattr(api, function.__name__, function)
    sys.modules[api.__name__] = api


def _install_credential_manager() -> None:
    """As win32ctypes.pywin32, over files."""
    types_module: Any = types.ModuleType("win32ctypes.pywin32.pywintypes")
    credentials: Any = types.ModuleType("win32ctypes.pywin32.win32cred")
    package: Any = types.ModuleType("win32ctypes.pywin32")

    class error(Exception):  # noqa: N801 - as it is called there
        def __init__(self, winerror: int, funcname: str) -> None:
            self.winerror, self.funcname = winerror, funcname
            self.strerror = _TEXTS[winerror]
            super().__init__(winerror, funcname, self.strerror)

    def check(function: str) -> None:
        if _failure():
            raise error(_failure(), function)

    def read(Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N803
        check("CredRead")
        try:
            found = json.loads(_path(TargetName).read_text())
        except FileNotFoundError:
            raise error(NOT_FOUND, "CredRead") from None
        return {**found, "CredentialBlob": found["CredentialBlob"].encode("utf-16-le")}

    def write(credential: dict[str, Any], flags: int) -> None:
        check("CredWrite")
        if len(credential["CredentialBlob"].encode("utf-16-le")) > BLOB:
            raise error(1783, "CredWrite")
        assert credential["Persist"] == credentials.CRED_PERSIST_LOCAL_MACHINE, "it would roam"
        _path(credential["TargetName"]).write_text(json.dumps(credential))

    def delete(Type: int, TargetName: str) -> None:  # noqa: N803
        check("CredDelete")
        try:
            _path(TargetName).unlink()
        except FileNotFoundError:
            raise error(NOT_FOUND, "CredDelete") from None

    types_module.error = error
    credentials.CredRead, credentials.CredWrite, credentials.CredDelete = read, write, delete
    credentials.CRED_TYPE_GENERIC = 1
    credentials.CRED_PERSIST_SESSION, credentials.CRED_PERSIST_LOCAL_MACHINE = 1, 2
    credentials.CRED_PERSIST_ENTERPRISE = 3
    package.pywintypes, package.win32cred = types_module, credentials
    outer: Any = types.ModuleType("win32ctypes")
    outer.pywin32 = package
    for each in (outer, package, types_module, credentials):
        sys.modules[each.__name__] = each
