"""The usual mistakes in a config: what is written in the tests' own config, and what instead."""

from __future__ import annotations

_HUB = 'hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]'

MISTAKES = {
    "a table that is there twice": ("[chains.admin]", "[chains.hub]"),
    "a key that is there twice": ('from = "hub"', 'from = "hub"\nfrom = "own"'),
    "curly quotes": ('type = "environment"', "type = “environment”"),
    "True instead of true": ("labels =", "confirm = True\nlabels ="),
    "a comma is missing": (_HUB, _HUB.replace(" }]", ' external_id = "x" }]')),
    "a quote is missing": ('from = "hub"', 'from = "hub'),
    "a list of ARNs as hops": (_HUB, 'hops = ["arn:aws:iam::222222222222:role/Hub"]'),
    "an account of 11 digits": ('["444444444444"', '["44444444444"'),
    "Identity Center by the name that other tools have for it": ("environment", "sso"),
    "a name with a blank": ("[chains.admin]", "[chains.prod admin]"),
    "a region that is misspelt": ("[defaults]", '[defaults]\nregion = "eu-wst-1"'),
    "a region that is not known": ("[defaults]", '[defaults]\nregion = "eu-west-9"'),
    "the ARN of a user as MFA device": (
        '"environment"',
        '"environment"\nmfa_serial = "arn:aws:iam::111111111111:user/alice"',
    ),
    "a serial number that looks like none": (
        '"environment"',
        '"environment"\nmfa_serial = "my-new-phone"',
    ),
}
