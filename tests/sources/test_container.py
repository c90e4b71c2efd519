"""The role of a container."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rolehop.base.errors import ServiceError, SourceError
from rolehop.plan.model import Stamp
from rolehop.sources import build_source, container, diagnose, stamp_of
from tests.doubles.endpoint import Answer
from tests.doubles.metadata import ContainerAgent
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

CONTAINER = 'type = "container"'


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        yield world


class TestContainer:
    @pytest.fixture
    def agent(self, world: World) -> Iterator[ContainerAgent]:
        role = role_for(world, {"Service": "pods.eks.amazonaws.com"}, "sts:AssumeRole")
        use(world, CONTAINER)
        with ContainerAgent(world.sts.world, role) as agent:
            world.more |= {
                container.FULL: agent.url + agent.PATH,
                container.TOKEN: str(agent.token),
                "AWS_METADATA_SERVICE_TIMEOUT": "60",
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

    def test_the_token_file_wins_and_is_read_again_each_time(
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
        assert "does not accept the authorization token" in error.what
        assert len(agent.asked) == 1  # asking again would not help

    def test_a_missing_token_is_asked_for(self, world: World, agent: ContainerAgent) -> None:
        error = failure(world, {container.TOKEN: ""})
        assert error.what.endswith("needs an authorization token, and none was sent")
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
            {container.FULL: "http://example.com/hidden-word"},
            {container.FULL: "hidden-word"},
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
        assert error.what == f"{container.FULL} cannot be used (it leads to 127.0.0.1:9)"

    def test_a_path_that_is_invalid_is_no_role(self, world: World, agent: ContainerAgent) -> None:
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
        error = failure(world, {"AWS_METADATA_SERVICE_TIMEOUT": "0.5"})
        assert isinstance(error, ServiceError)
        assert "does not answer" in error.what

    @pytest.mark.parametrize(
        "body", [b"<xml>", b"[]", b"", b'{"AccessKeyId": "ASIA1234567890123456"}']
    )
    def test_a_malformed_answer_is_reported(
        self, body: bytes, world: World, agent: ContainerAgent
    ) -> None:
        agent.says = [Answer(200, body)]
        error = failure(world)
        assert error.exit_code == 6
        assert "answered for credentials with something unexpected (HTTP 200)" in error.what

    def test_a_session_that_is_over_is_reported(self, world: World, agent: ContainerAgent) -> None:
        agent.changes = {"Expiration": "2020-01-01T00:00:00Z"}
        error = failure(world)
        assert (error.exit_code, error.cause) == (4, "they expired at 2020-01-01T00:00:00Z")

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
    def test_other_hosts_are_never_sent_a_token(self, environ: dict[str, str]) -> None:
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
