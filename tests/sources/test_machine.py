"""Roles of the machine: EC2 instance metadata and container endpoints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.awsconfig import parse_aws_config
from rolehop.errors import ConfigError, RolehopError, ServiceError, SourceError
from rolehop.plan import Stamp
from rolehop.sources import build_source, container, diagnose, instance, stamp_of
from tests.doubles.endpoint import Answer
from tests.doubles.metadata import ContainerAgent, Imds
from tests.sources.machines import (
    chained_plan,
    context_of,
    keyless_world,
    role_for,
    source_of,
    use,
    walked,
)
from tests.support.world import World

INSTANCE = 'type = "instance"'
CONTAINER = 'type = "container"'
HTML = Answer(200, b"<html>sign in here</html>")
TOKEN = Answer(200, b"T" * 56)


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        yield world


def failure(world: World, environ: dict[str, str] | None = None) -> RolehopError:
    """Load the source in this process and return why it gives nothing."""
    with pytest.raises(RolehopError) as caught:
        build_source(source_of(world), context_of(world, environ)).load()
    return caught.value


class TestInstance:
    @pytest.fixture
    def imds(self, world: World) -> Iterator[Imds]:
        role = role_for(world, {"Service": "ec2.amazonaws.com"}, "sts:AssumeRole")
        use(world, INSTANCE)
        with Imds(world.sts.world, role) as imds:
            world.more |= {
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
                "AWS_METADATA_SERVICE_TIMEOUT": "0.5",
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

    def test_an_instance_without_a_role_is_told(self, world: World, imds: Imds) -> None:
        imds.role = None
        assert failure(world).what == "this EC2 instance has no role"

    def test_a_machine_without_metadata_is_absent(self, world: World, imds: Imds) -> None:
        error = failure(world, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"})
        assert error.what == "this machine has no EC2 instance metadata service"
        assert error.exit_code == 4
        assert "connection refused" in str(error.cause)

    def test_a_hang_is_explained_by_the_hop_limit(self, world: World, imds: Imds) -> None:
        imds.hangs = True
        error = failure(world)
        assert (error.exit_code, error.cause) == (6, "it took the connection and never answered")
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
            ([Answer(404)], "it gave no IMDSv2 token: HTTP 404"),
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
            ([HTML], "it is no IMDSv2 token"),
            ([TOKEN, HTML], "it is no role's name"),
            ([TOKEN, Answer(200, b"Start"), HTML], "it is no JSON object"),
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
            (404, "the role that it names is gone from the instance profile, or is not there yet"),
            (401, "it does not take the token that it has just given"),
        ],
    )
    def test_a_role_that_is_named_and_not_given_says_what_that_means(
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
            ({"Expiration": "soon"}, "Expiration is no time"),
            ({"Expiration": "2126-08-01T12:00:00"}, "Expiration names no time zone"),
            ({"Expiration": "2020-08-01T12:00:00Z"}, "they ended at 2020-08-01T12:00:00Z"),
            ({"AccessKeyId": 7}, "AccessKeyId is no text"),
            ({"SecretAccessKey": "with a blank"}, "SecretAccessKey holds characters"),
        ],
    )
    def test_an_answer_that_is_no_session_is_told_and_not_quoted(
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

    def test_a_mode_that_is_none_is_refused(self) -> None:
        environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"}
        with pytest.raises(ConfigError, match="mode 'IPv5' is invalid"):
            instance.endpoint(environ, parse_aws_config(None, None))

    def test_a_timeout_that_is_no_number_is_refused(self, world: World, imds: Imds) -> None:
        error = failure(world, {"AWS_METADATA_SERVICE_TIMEOUT": "long"})
        assert (error.exit_code, error.what) == (
            3,
            "AWS_METADATA_SERVICE_TIMEOUT is invalid: 'long'",
        )


class TestContainer:
    @pytest.fixture
    def agent(self, world: World) -> Iterator[ContainerAgent]:
        role = role_for(world, {"Service": "pods.eks.amazonaws.com"}, "sts:AssumeRole")
        use(world, CONTAINER)
        with ContainerAgent(world.sts.world, role) as agent:
            world.more |= {
                container.FULL: agent.url + agent.PATH,
                container.TOKEN: str(agent.token),
                "AWS_METADATA_SERVICE_TIMEOUT": "0.5",
                "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "2",
            }
            yield agent

    def test_its_session_signs_the_next_hop_and_no_secret_is_seen(
        self, world: World, agent: ContainerAgent
    ) -> None:
        assert chained_plan(world) == [3600, 3600]
        seen = walked(world)
        key = agent.keys[0]
        assert world.sts.calls[0].signer == key.arn
        for secret in (key.secret, str(key.token), str(agent.token)):
            assert secret not in seen

    def test_the_tags_of_a_pod_go_on_to_the_next_hop(
        self, world: World, agent: ContainerAgent
    ) -> None:
        agent.tags = {"eks-cluster-arn": "c", "kubernetes-namespace": "n"}
        assert world.rolehop("credential-process", "there").code == 0

    def test_its_own_session_is_handed_out(self, world: World, agent: ContainerAgent) -> None:
        done = world.rolehop("export", "own", "--format", "json")
        assert done.code == 0, done.err
        assert done.json["AccessKeyId"] == agent.keys[0].access_key_id

    def test_the_token_file_wins_and_is_read_anew_each_time(
        self, world: World, agent: ContainerAgent
    ) -> None:
        file = world.home / "token"
        world.more |= {container.TOKEN_FILE: str(file), container.TOKEN: "outdated"}
        source, context = source_of(world), context_of(world)
        for token in ("first", "second"):
            agent.token = token
            file.write_text(token + "\n")  # an editor's line end does no harm
            assert build_source(source, context).load() is not None

    def test_without_the_variables_it_is_absent(self, world: World, agent: ContainerAgent) -> None:
        world.more |= {container.FULL: "", container.TOKEN: ""}
        assert build_source(source_of(world), context_of(world)).load() is None
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        assert f"neither {container.RELATIVE} nor {container.FULL} is set" in done.err

    def test_a_token_file_that_is_not_there_is_broken(
        self, world: World, agent: ContainerAgent
    ) -> None:
        error = failure(world, {container.TOKEN_FILE: "/nonexistent/token"})
        assert error.what == "the container's token file cannot be read: /nonexistent/token"
        assert agent.asked == []

    def test_an_empty_token_file_is_broken(self, world: World, agent: ContainerAgent) -> None:
        (world.home / "token").write_text("\n")
        error = failure(world, {container.TOKEN_FILE: str(world.home / "token")})
        assert "it is empty" in str(error.cause)

    def test_a_token_that_cannot_be_sent_is_not_quoted(
        self, world: World, agent: ContainerAgent
    ) -> None:
        error = failure(world, {container.TOKEN: "tok\nen-in-two-lines"})
        assert "cannot be sent" in error.what
        assert "two-lines" not in f"{error.what}{error.cause}{error.fix}"

    def test_a_wrong_token_is_refused_with_the_endpoints_words(
        self, world: World, agent: ContainerAgent
    ) -> None:
        error = failure(world, {container.TOKEN: "wrong"})
        assert (error.exit_code, error.cause) == (
            4,
            "HTTP 403: AccessDenied: the token is not valid",
        )
        assert "does not take the authorization token" in error.what
        assert len(agent.asked) == 1  # asking again would not help

    def test_a_token_that_nobody_gave_is_asked_for(
        self, world: World, agent: ContainerAgent
    ) -> None:
        error = failure(world, {container.TOKEN: ""})
        assert error.what.endswith("wants an authorization token, and none was sent")
        assert "set AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" in str(error.fix)

    @pytest.mark.parametrize(
        "environ",
        [
            {container.FULL: "http://user:hidden-word@127.0.0.1:9/x"},
            {container.FULL: "http://hidden-word@127.0.0.1:9/x"},
            {container.FULL: "ftp://user:hidden-word@127.0.0.1:9/x"},
            {container.RELATIVE: "/v2/credentials/hidden-word", container.TOKEN_FILE: "/nowhere"},
            {container.RELATIVE: "v2/credentials/hidden-word"},
            {container.FULL: "http://127.0.0.1:9/x?hidden-word", container.TOKEN_FILE: "/nowhere"},
        ],
    )
    def test_what_an_address_lets_in_by_is_never_shown(
        self, environ: dict[str, str], world: World, agent: ContainerAgent
    ) -> None:
        for command in (("plan", "there"), ("source", "list"), ("source", "test", "s")):
            done = world.rolehop("--debug", *command, env=environ)
            assert "hidden-word" not in done.out + done.err
        assert failure(world, environ).exit_code == 4
        assert agent.asked == []

    def test_a_user_name_in_the_address_is_refused(
        self, world: World, agent: ContainerAgent
    ) -> None:
        error = failure(world, {container.FULL: "http://user:pw@127.0.0.1:9/x"})
        assert (error.exit_code, "user name" in str(error.cause)) == (4, True)
        assert error.what == f'{container.FULL} cannot be used: "http://127.0.0.1:9/x"'

    def test_a_path_that_is_none_is_no_role(self, world: World, agent: ContainerAgent) -> None:
        error = failure(world, {container.FULL: f"{agent.url}/other"})
        assert (error.exit_code, error.cause) == (4, "HTTP 404: NotFound: no such path")
        assert "gives no credentials" in error.what

    @pytest.mark.parametrize(("status", "words"), [(503, "failed"), (429, "is throttling")])
    def test_a_fault_that_lasts_is_not_the_users(
        self, status: int, words: str, world: World, agent: ContainerAgent
    ) -> None:
        agent.says = [Answer(status, b'{"message": "busy"}')] * 9
        error = failure(world)
        assert (error.exit_code, error.cause) == (6, f"HTTP {status}: busy")
        assert error.what.endswith(words)
        assert len(agent.asked) == 2

    def test_a_fault_is_asked_again(self, world: World, agent: ContainerAgent) -> None:
        agent.says = [Answer(503)]
        assert build_source(source_of(world), context_of(world)).load() is not None

    def test_an_endpoint_that_hangs_is_given_up(self, world: World, agent: ContainerAgent) -> None:
        agent.hangs = True
        error = failure(world)
        assert isinstance(error, ServiceError)
        assert "does not answer" in error.what

    @pytest.mark.parametrize(
        "body", [b"<html>", b"[]", b"", b'{"AccessKeyId": "ASIA1234567890123456"}']
    )
    def test_a_malformed_answer_is_told(
        self, body: bytes, world: World, agent: ContainerAgent
    ) -> None:
        agent.says = [Answer(200, body)]
        error = failure(world)
        assert error.exit_code == 6
        assert "answered for credentials with something unexpected (HTTP 200)" in error.what

    def test_a_session_that_is_over_is_told(self, world: World, agent: ContainerAgent) -> None:
        agent.changes = {"Expiration": "2020-01-01T00:00:00Z"}
        error = failure(world)
        assert (error.exit_code, error.cause) == (4, "they ended at 2020-01-01T00:00:00Z")

    def test_another_role_than_the_pinned_one_is_refused(
        self, world: World, agent: ContainerAgent
    ) -> None:
        use(world, f'{CONTAINER}\nprincipal = "arn:aws:iam::111111111111:role/Other"')
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        assert "assumed-role/Start/pod" in done.err
        assert world.sts.roles_called == []

    @pytest.mark.parametrize(
        ("environ", "address"),
        [
            ({container.RELATIVE: "/v2/x"}, "http://169.254.170.2/v2/x"),
            (
                {container.RELATIVE: "/v2/x", container.FULL: "http://127.0.0.1/"},
                "http://169.254.170.2/v2/x",
            ),
            *(
                ({container.FULL: url}, url)
                for url in (
                    "http://127.0.0.1:51679/x",
                    "http://127.9.9.9/x",
                    "http://[::1]:8080/x",
                    "http://localhost/x",
                    "http://169.254.170.2/x",
                    "http://169.254.170.23/v1/credentials",
                    "http://[fd00:ec2::23]/v1/credentials",
                    "https://credentials.example/x",
                )
            ),
        ],
    )
    def test_the_hosts_that_may_be_asked(self, environ: dict[str, str], address: str) -> None:
        assert container.endpoint_url(environ) == address

    @pytest.mark.parametrize(
        "environ",
        [
            {container.FULL: "http://credentials.example/x"},
            {container.FULL: "http://169.254.169.254/x"},
            {container.FULL: "http://127.0.0.1.example/x"},
            {container.FULL: "http://[::2]/x"},
            {container.FULL: "ftp://127.0.0.1/x"},
            {container.FULL: "http://[broken/x"},
            {container.RELATIVE: "@elsewhere.example/x"},
        ],
    )
    def test_other_hosts_are_never_told_a_token(self, environ: dict[str, str]) -> None:
        with pytest.raises(SourceError, match="cannot be used"):
            container.endpoint_url(environ)

    def test_source_test_can_say_what_was_looked_for(
        self, world: World, agent: ContainerAgent
    ) -> None:
        source = source_of(world)
        good = diagnose(source, context_of(world))
        assert [each.found for each in good] == [
            f"called at {agent.url}/v1/…",
            f"a token in {container.TOKEN}",
        ]
        absent = diagnose(source, context_of(world, {container.FULL: ""}))
        assert [each.good for each in absent] == [False]
        assert stamp_of(source, context_of(world)) == Stamp(None, long_lived=False)

    @pytest.mark.parametrize(
        ("environ", "words"),
        [
            ({container.TOKEN_FILE: "/nonexistent/token"}, "no such file or directory"),
            ({container.FULL: "http://credentials.example/x"}, "only this machine"),
            ({container.FULL: "http://localhost:99999/x"}, "it is not an http:// or https:// URL"),
            ({container.FULL: "", container.TOKEN: ""}, "neither"),
        ],
        ids=["token-file", "host", "port", "absent"],
    )
    def test_what_cannot_work_is_seen_by_list_plan_and_test_without_asking(
        self, environ: dict[str, str], words: str, world: World, agent: ContainerAgent
    ) -> None:
        listed = world.rolehop("source", "list", "--format", "json", env=environ)
        (row,) = listed.json["sources"]
        assert (row["state"], words in row["problem"]) == ("not ready", True)
        planned = world.rolehop("plan", "there", "--format", "json", env=environ)
        assert words in planned.json["hops"][0]["will_fail"]
        tested = world.rolehop("source", "test", "s", env=environ)
        assert tested.code == 4
        assert words in tested.out
        assert agent.asked == []
