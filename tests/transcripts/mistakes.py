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
    "a table in braces over several lines": (
        'accounts = ["444444444444", "555555555555"]',
        'accounts = {\n  billing = "444444444444",\n  web = "555555555555",\n}',
    ),
    "a comma before a brace": ('labels = { env = "prod"', 'labels = { env = "prod",'),
    "a name that is there twice in braces": (
        'accounts = ["444444444444", "555555555555"]',
        'accounts = { billing = "444444444444", billing = "555555555555" }',
    ),
    "a colon in braces": ('labels = { env = "prod"', 'labels = { env: "prod"'),
    "a backslash between double quotes": (
        'description = "Admin in prod"',
        'description = "C:\\Users\\x"',
    ),
    "a text after a value": ('type = "environment"', 'type = "environment" // mine'),
    "a header without a dot": ("[chains.admin]", "[chain admin]"),
    "a role whose account has 11 digits": ("iam::222222222222", "iam::22222222222"),
    "an MFA device whose account has 11 digits": (
        '"environment"',
        '"environment"\nmfa_serial = "arn:aws:iam::11111111111:mfa/alice"',
    ),
    "the name of an account with a blank": (
        'accounts = ["444444444444", "555555555555"]',
        'accounts = { "prod billing" = "444444444444" }',
    ),
}
