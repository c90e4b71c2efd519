"""A program that knows boto3 and nothing of rolehop: prints who its AWS profile is."""

from __future__ import annotations

import sys

import boto3


def main(profile: str) -> None:
    """Ask STS through ``profile`` of the AWS config."""
    session = boto3.Session(profile_name=profile)
    sys.stdout.write(session.client("sts").get_caller_identity()["Arn"] + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
