"""Whether this machine is an EC2 instance, by what its firmware says: nothing is called."""

from __future__ import annotations

from pathlib import Path

_SYSTEM = Path("/sys")
# Amazon EC2 user guide, "Detect whether a host is an EC2 instance": the asset tag of a Nitro
# instance is its ID; the UUID of a Xen instance begins with ec2.
_SIGNS = (("devices/virtual/dmi/id/board_asset_tag", "i-"), ("hypervisor/uuid", "ec2"))
_LONGEST = 256  # bytes


def is_ec2_instance(system: Path = _SYSTEM) -> bool:
    """True if this machine says that it is an EC2 instance; ``system``: where Linux shows it."""
    return any(_begins(system / name, sign) for name, sign in _SIGNS)


def _begins(path: Path, sign: str) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).lower().startswith(sign.encode())
    except OSError:
        return False
