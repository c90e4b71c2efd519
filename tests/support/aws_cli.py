"""The AWS CLI of this machine."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def aws_cli() -> str:
    """Return an AWS CLI that starts; Debian's own (version 2) rather than another."""
    for found in (shutil.which("aws", path="/usr/bin:/usr/local/bin"), shutil.which("aws")):
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    pytest.skip("not installed: aws (the AWS CLI)")
