"""What a first config is made of, and what is left to do: each part with what it is given."""

from __future__ import annotations

import pytest

from rolehop.app.context import App
from rolehop.base.dataclass import replace
from rolehop.commands.config.importing.found_files import files_of, keys_advice, plan_import
from rolehop.commands.config.importing.proposal import KeysElsewhere
from rolehop.commands.config.init import questions
from rolehop.commands.config.init.conversation import plan_lines
from rolehop.commands.config.init.drafts import (
    ConfigDraft,
    PickedRole,
    account_names,
    center_name,
    draft_of_role,
    draft_of_roles,
)
from rolehop.commands.config.init.starting import profile_draft, typed_draft
from rolehop.commands.config.init.writing import missing_keys, next_commands
from rolehop.vault.index import KeyEntry
from tests.commands.config.init.home import AWS, WRITE, Home
from tests.support.world import HUB
from tests.vault.samples import NOW

CENTER = {"type": "identity-center", "start_url": "https://d-1234.awsapps.com/start"}
READER = PickedRole("111111111111", "Dev", "Reader")
WRITER = PickedRole("111111111111", "Dev", "Writer")


# ---- Identity Center


def test_one_role_is_a_chain_and_two_are_fleets(home: Home) -> None:
    one = draft_of_roles(CENTER, "the portal", (READER,))
    assert one == draft_of_role(CENTER, "the portal", READER)
    assert one.names == ("dev-reader",)
    two = draft_of_roles(CENTER, "the portal", (READER, WRITER))
    assert isinstance(two, ConfigDraft)
    assert set(two.names) == {"reader/dev", "writer/dev"}
    assert account_names((READER, WRITER)) == {"111111111111": "dev"}
    lines = plan_lines(home.app, replace(two, region="eu-west-1"), has_keys=False)
    assert [text for _, text in lines[1:]] == ["eu-west-1"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"sso_session": "Corp Ltd"}, "Corp-Ltd"),
        ({"start_url": "https://corp.awsapps.com/start"}, "corp"),
        (CENTER, "sso"),
        ({}, "sso"),
    ],
)
def test_a_center_is_called_as_its_session_or_its_portal(
    settings: dict[str, str], name: str
) -> None:
    assert center_name(settings) == name


# ---- questions


@pytest.mark.parametrize("typed", ["corp.awsapps.com/start", "corp.awsapps.com/start/#/"])
def test_an_address_that_lacks_its_beginning_is_shown_whole(typed: str) -> None:
    with pytest.raises(ValueError, match=r'mean "https://corp\.awsapps\.com/start"'):
        questions.start_url(typed)


@pytest.mark.parametrize(
    ("profiles", "hint"),
    [
        ("", "config has none"),
        ("[profile work]\n[profile prod]\n", 'there are "work", "prod"'),
        ("".join(f"[profile p{each}]\n" for each in range(7)), 'p4" and 2 more'),
    ],
)
def test_the_profiles_that_there_are_are_named(home: Home, profiles: str, hint: str) -> None:
    home.write(".aws/config", profiles)
    with pytest.raises(ValueError, match="there is no AWS profile") as caught:
        questions.aws_profile(home.app.aws_config)("zzz-zzz")
    assert str(caught.value).endswith(hint)


# ---- other tools


def test_a_tool_of_which_no_chain_can_be_made_leads_back_to_the_start(home: Home) -> None:
    home.write(".awsume/config.yaml", "colors: true\n")
    way = ("Where", "Everything of awsume")
    person = home.asked(way, ("Where", "The environment"), ("Role", HUB), WRITE)
    assert "there is no chain to make of awsume" in person.said
    assert [each.type for each in home.config.sources.values()] == ["environment"]


# ---- what is left to do


def test_keys_that_are_elsewhere_have_to_be_moved(home: Home) -> None:
    home.with_profiles()
    planned = plan_import(home.app, files_of(home.app, None))
    typed = KeysElsewhere("me", "a password manager")
    draft = replace(planned, added=replace(planned.added, keys=(*planned.keys, typed)))
    commands = [str(each) for each in missing_keys(home.app, draft)]
    assert len(commands) == len(planned.keys) + 1
    assert commands[-1] == "keys in a password manager: rolehop keys add me"
    assert str(keys_advice(home.app, typed)) == commands[-1]


def test_keys_that_are_nowhere_have_to_be_added(home: Home) -> None:
    home.write("config.toml", "version = 1\n")
    draft, key = typed_draft({"type": "keys"}), KeyEntry("AKIAIOSFODNN7EXAMPLE", "double", NOW)
    assert [str(each) for each in missing_keys(home.app, draft)] == ["next: rolehop keys add me"]
    other = App(home.environ, home.folder, config_file="my own.toml")
    assert [str(each) for each in next_commands(other, draft)] == [
        "next: rolehop --config 'my own.toml' keys add me",
        f"next: rolehop --config 'my own.toml' shell {draft.names[0]}",
    ]
    home.app.index_store.change(lambda index: index.with_key("me", key))
    assert list(missing_keys(home.app, draft)) == []
    home.write(".aws/config", AWS)
    assert list(missing_keys(home.app, profile_draft(home.app.aws_config, "prod"))) == []
