"""Profiles with a web_identity_token_file, whose token botocore exchanges."""

from __future__ import annotations

from tests.sources.web_identity.federated import AUDIENCE, DEPLOY, Federated


def test_another_subject_in_the_file_never_gets_the_session_of_the_one_before(
    federated: Federated,
) -> None:
    federated.world.aws_config(
        f"[profile pod]\nregion = eu-west-1\nrole_arn = {DEPLOY}\nrole_session_name = me\n"
        f"web_identity_token_file = {federated.token_file}\n"
    )

    def key_id(subject: str) -> str:
        federated.token_file.write_text(federated.issuer.token(subject, AUDIENCE))
        done = federated.world.rolehop("credential-process", "pod")
        assert done.code == 0, done.err
        return str(done.json["AccessKeyId"])

    first = key_id("pod-1")
    assert key_id("pod-1") == first
    assert key_id("pod-2") != first
    assert key_id("pod-1") == first
