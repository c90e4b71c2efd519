"""The role of an EC2 instance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.awsconfig import parse_aws_config
from rolehop.base.errors import ConfigError
from rolehop.sources import build_source, instance, stamp_of
from tests.doubles.endpoint import Answer
from tests.doubles.metadata import Imds
from tests.sources.machines import (
    chained_plan,
    context_of,
    failure,
    keyless_world,
    role_for,
    source_of,
    use,
    walked,
)
from tests.support.world import World

INSTANCE = 'type = "instance"'


TEXT = Answer(200, b"<sign in here>")


TOKEN = Answer(200, b"T" * 56)


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        yield world


class TestInstance:
    @pytest.fixture
    def imds(self, world: World) -> Iterator[Imds]:
        role = role_for(world, {"Service": "ec2.amazonaws.com"}, "sts:AssumeRole")
        use(world, INSTANCE)
        with Imds(world.sts.world, role) as imds:
            world.more |= {
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
                "AWS_METADATA_SERVICE_TIMEOUT": "60",
                "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1",
                # A proxy that nobody reaches: metadata must never take it.
                "HTTP_PROXY": "http://127.0.0.1:9",
            }
            world.more["NO_PROXY"] = world.sts.url.removeprefix("http://").partition(":")[0]
            yield imds

    def test_its_session_signs_the_next_hop_and_no_secret_is_seen(
        self, world: World, imds: Imds
    ) -> None:
        assert chained_plan(world) == [3600, 3600]
        seen = walked(world)
        key = imds.keys[0]
        assert world.sts.calls[0].signer == key.arn
        tokens = [each.headers.get("x-aws-ec2-metadata-token", "") for each in imds.asked]
        for secret in (key.secret, str(key.token), *filter(None, tokens)):
            assert secret not in seen
        assert {each.method for each in imds.asked} == {"PUT", "GET"}

    def test_it_takes_no_proxy(self, world: World, imds: Imds) -> None:
        world.more["NO_PROXY"] = ""
        found = build_source(source_of(world), context_of(world)).load()
        assert found is not None
        assert found.access_key_id == imds.keys[0].access_key_id

    def test_plan_cannot_know_what_is_cached(self, world: World, imds: Imds) -> None:
        hops = world.rolehop("plan", "there", "--format", "json").json["hops"]
        assert {hop["cache"] for hop in hops} == {"unknown"}
        assert imds.asked == []

    def test_it_must_be_the_role_that_the_config_names(self, world: World, imds: Imds) -> None:
        use(world, INSTANCE + '\nrole = "Other"')
        error = failure(world)
        assert (error.exit_code, error.what) == (4, "the instance's role is Start")
        assert error.cause == "the config says it must be Other"
        assert not imds.keys
        use(world, INSTANCE + '\nrole = "Start"')
        assert build_source(source_of(world), context_of(world)).load() is not None

    def test_an_instance_without_a_role_is_reported(self, world: World, imds: Imds) -> None:
        imds.role = None
        assert failure(world).what == "this EC2 instance has no role"

    def test_a_machine_without_metadata_is_absent(self, world: World, imds: Imds) -> None:
        error = failure(world, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"})
        assert error.what == "this machine has no EC2 instance metadata service"
        assert error.exit_code == 4
        assert "connection refused" in str(error.cause)

    def test_a_hang_is_explained_by_the_hop_limit(self, world: World, imds: Imds) -> None:
        imds.hangs = True
        error = failure(world, {"AWS_METADATA_SERVICE_TIMEOUT": "0.5"})
        assert (error.exit_code, error.cause) == (
            6,
            "it accepted the connection and never answered",
        )
        assert "http-put-response-hop-limit 2" in str(error.fix)

    def test_it_is_switched_off_by_the_variable(self, world: World, imds: Imds) -> None:
        off = {"AWS_EC2_METADATA_DISABLED": "TRUE"}
        assert failure(world, off).cause == "AWS_EC2_METADATA_DISABLED is true"
        stamp = stamp_of(source_of(world), context_of(world, off))
        off_here = "the EC2 instance metadata service is switched off here"
        assert stamp.problem == f"{off_here}: AWS_EC2_METADATA_DISABLED is true"
        assert imds.asked == []

    @pytest.mark.parametrize(
        ("says", "cause"),
        [
            ([Answer(404)], "it issued no IMDSv2 token: HTTP 404"),
            ([Answer(403)], "it is switched off for this instance (HTTP 403)"),
        ],
    )
    def test_a_broken_service_is_not_an_absent_one(
        self, says: list[Answer], cause: str, world: World, imds: Imds
    ) -> None:
        imds.says = says
        error = failure(world)
        assert (error.exit_code, error.what[-14:]) == (4, "cannot be used")
        assert cause in str(error.cause)

    @pytest.mark.parametrize(
        ("says", "reason"),
        [
            ([TEXT], "it is not an IMDSv2 token"),
            ([TOKEN, TEXT], "it is not the name of a role"),
            ([TOKEN, Answer(200, b"Start"), TEXT], "it is not a JSON object"),
        ],
    )
    def test_an_answer_that_cannot_be_understood_is_a_fault_of_the_service(
        self, says: list[Answer], reason: str, world: World, imds: Imds
    ) -> None:
        imds.says = says
        error = failure(world)
        assert (error.exit_code, error.cause) == (6, reason)
        assert "something unexpected (HTTP 200)" in error.what

    @pytest.mark.parametrize(
        ("status", "fix"),
        [
            (404, "the role that it names is not in the instance profile"),
            (401, "it refuses its own token"),
        ],
    )
    def test_a_role_that_is_named_but_not_given_is_explained(
        self, status: int, fix: str, world: World, imds: Imds
    ) -> None:
        imds.says = [TOKEN, Answer(200, b"Start"), Answer(status)]
        error = failure(world)
        assert error.exit_code == 4
        assert error.cause == f"it gave no credentials of role Start: HTTP {status}"
        assert str(error.fix).startswith(fix)

    @pytest.mark.parametrize(
        ("environ", "words"),
        [
            (
                {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "foo"},
                'cannot be called at "foo": AWS_EC2_METADATA_SERVICE_ENDPOINT says so',
            ),
            (
                {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://localhost:99999"},
                'cannot be called at "http://localhost:99999"',
            ),
            (
                {"AWS_METADATA_SERVICE_TIMEOUT": "abc"},
                "AWS_METADATA_SERVICE_TIMEOUT is invalid: 'abc'",
            ),
        ],
    )
    def test_variables_that_cannot_work_are_seen_without_asking(
        self, environ: dict[str, str], words: str, world: World, imds: Imds
    ) -> None:
        (row,) = world.rolehop("source", "list", "--format", "json", env=environ).json["sources"]
        assert (row["state"], words in row["problem"]) == ("not ready", True)
        planned = world.rolehop("plan", "there", "--format", "json", env=environ)
        assert words in planned.json["hops"][0]["will_fail"]
        tested = world.rolehop("source", "test", "s", env=environ)
        assert (tested.code, words in tested.out) == (3, True)
        assert "CONTAINER" not in tested.out + tested.err
        assert imds.asked == []

    @pytest.mark.parametrize(
        ("status", "words"), [(500, "failed"), (503, "failed"), (429, "is throttling")]
    )
    def test_a_fault_that_lasts_is_not_the_users(
        self, status: int, words: str, world: World, imds: Imds
    ) -> None:
        imds.says = [Answer(status)] * 9
        error = failure(world, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "2"})
        assert (error.exit_code, error.cause) == (6, f"HTTP {status}")
        assert error.what.endswith(words)
        assert len(imds.asked) == 2

    def test_a_fault_that_passes_is_asked_again(self, world: World, imds: Imds) -> None:
        imds.says = [Answer(503)]
        context = context_of(world, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "2"})
        assert build_source(source_of(world), context).load() is not None

    @pytest.mark.parametrize(
        ("changes", "cause"),
        [
            (
                {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"},
                "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role",
            ),
            ({"Token": None}, "Token is missing"),
            ({"Expiration": "soon"}, "Expiration is not a time"),
            ({"Expiration": "2126-08-01T12:00:00"}, "Expiration has no time zone"),
            ({"Expiration": "2020-08-01T12:00:00Z"}, "they expired at 2020-08-01T12:00:00Z"),
            ({"AccessKeyId": 7}, "AccessKeyId is not text"),
            ({"SecretAccessKey": "with a blank"}, "SecretAccessKey holds characters"),
        ],
    )
    def test_an_answer_that_is_not_a_session_is_reported_and_not_quoted(
        self, changes: dict[str, object], cause: str, world: World, imds: Imds
    ) -> None:
        imds.changes = changes
        error = failure(world)
        assert cause in str(error.cause)
        assert imds.keys[0].secret not in f"{error.what}{error.cause}{error.fix}"

    @pytest.mark.parametrize(
        ("environ", "config", "address"),
        [
            ({}, "", "http://169.254.169.254"),
            ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "", "http://[fd00:ec2::254]"),
            ({}, "ec2_metadata_service_endpoint_mode = ipv6", "http://[fd00:ec2::254]"),
            (
                {
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[::1]:1338/",
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6",
                },
                "",
                "http://[::1]:1338/",
            ),
        ],
    )
    def test_where_it_is_follows_the_variables(
        self, environ: dict[str, str], config: str, address: str
    ) -> None:
        aws = parse_aws_config(f"[default]\n{config}\n", None)
        assert instance.endpoint(environ, aws) == address

    def test_a_mode_that_is_invalid_is_refused(self) -> None:
        environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"}
        with pytest.raises(ConfigError, match="mode 'IPv5' is invalid"):
            instance.endpoint(environ, parse_aws_config(None, None))

    def test_a_timeout_that_is_not_a_number_is_refused(self, world: World, imds: Imds) -> None:
        error = failure(world, {"AWS_METADATA_SERVICE_TIMEOUT": "long"})
        assert (error.exit_code, error.what) == (
            3,
            "AWS_METADATA_SERVICE_TIMEOUT is invalid: 'long'",
        )
