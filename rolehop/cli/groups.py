"""A command that has commands of its own (``config``, ``keys``)."""

from __future__ import annotations

from typing import Any

import click

from rolehop.cli.options import COMMON_OPTIONS, Command


class Group(click.Group):
    """Its commands take the common options, and so does the group itself."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(COMMON_OPTIONS())
