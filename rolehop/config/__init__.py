"""TOML text becomes checked, frozen values; every complaint names file, line and key.

The loader reads only through what it is given, so that this room has no window.
"""

from rolehop.config.durations import format_duration, parse_duration
from rolehop.config.loader import load_config
from rolehop.config.model import ChainConfig, Config, Defaults, HopConfig, SourceConfig
from rolehop.config.schema import Key, Table

__all__ = [
    "ChainConfig",
    "Config",
    "Defaults",
    "HopConfig",
    "Key",
    "SourceConfig",
    "Table",
    "format_duration",
    "load_config",
    "parse_duration",
]
