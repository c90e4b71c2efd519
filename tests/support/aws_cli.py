"""The AWS CLI of this machine, and its AWS SDK for JavaScript."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.support.world import World


@cache
def aws_cli() -> str:
    """Return an AWS CLI that starts; Debian's own (version 2) rather than another."""
    for found in (shutil.which("aws", path="/usr/bin:/usr/local/bin"), shutil.which("aws")):
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    pytest.skip("not installed: aws (the AWS CLI)")


def node_modules(world: World) -> Path:
    """Return the folder that holds the AWS SDK for JavaScript."""
    if shutil.which("node") is None:
        pytest.skip("not installed: node")
    places = [os.environ.get("ROLEHOP_TEST_NODE_MODULES", "")]
    if shutil.which("npm") is not None:
        places.append(world.run("npm", "root", "--global").out.strip())
    for place in filter(None, places):
        if (Path(place) / "@aws-sdk" / "credential-providers").is_dir():
            return Path(place)
    pytest.skip("not installed: the AWS SDK for JavaScript (ROLEHOP_TEST_NODE_MODULES names none)")
