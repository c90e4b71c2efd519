"""rolehop: named chains of AWS roles, walked with one command.

The Python API is loaded when one of its names is first used: importing the package costs nothing.
"""

__version__ = "0.1.0"
TYPE_CHECKING = False  # typing's own costs more than this module
if TYPE_CHECKING:
    from rolehop.api import get_credentials as get_credentials
    from rolehop.api import get_plan as get_plan
    from rolehop.api import session as session
    from rolehop.base.errors import ConfigError as ConfigError
    from rolehop.base.errors import Declined as Declined
    from rolehop.base.errors import HopRefused as HopRefused
    from rolehop.base.errors import NoTerminal as NoTerminal
    from rolehop.base.errors import RolehopError as RolehopError
    from rolehop.base.errors import ServiceError as ServiceError
    from rolehop.base.errors import SourceError as SourceError
    from rolehop.base.errors import UsageError as UsageError
    from rolehop.base.errors import VaultError as VaultError

_MODULES = {
    "get_credentials": "rolehop.api",
    "get_plan": "rolehop.api",
    "session": "rolehop.api",
    "ConfigError": "rolehop.base.errors",
    "Declined": "rolehop.base.errors",
    "HopRefused": "rolehop.base.errors",
    "NoTerminal": "rolehop.base.errors",
    "RolehopError": "rolehop.base.errors",
    "ServiceError": "rolehop.base.errors",
    "SourceError": "rolehop.base.errors",
    "UsageError": "rolehop.base.errors",
    "VaultError": "rolehop.base.errors",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> object:
    """Load a name of the API (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'rolehop' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Name the API beside what is loaded."""
    return sorted({*globals(), *_MODULES})
