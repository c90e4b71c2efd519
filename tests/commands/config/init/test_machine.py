from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.commands.config.init.starting import is_ec2_instance


@pytest.mark.parametrize(
    ("file", "text", "is_one"),
    [
        ("devices/virtual/dmi/id/board_asset_tag", "i-0123456789abcdef0\n", True),
        ("hypervisor/uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n", True),
        ("hypervisor/uuid", "01234567-9099-7caf-fd21-012345abcdef\n", False),
        ("devices/virtual/dmi/id/board_asset_tag", "Not Specified\n", False),
        ("other", "i-0\n", False),
    ],
)
def test_an_ec2_instance_is_known_by_its_firmware(
    tmp_path: Path, file: str, text: str, is_one: bool
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert is_ec2_instance(tmp_path) == is_one
