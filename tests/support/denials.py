"""The endings of AWS's access-denied texts, as the IAM user guide documents them.

Source: IAM user guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

SCP_ARN = "arn:aws:organizations::999999999999:policy/o-example/service_control_policy/p-ab12cd34"

KMS = (
    "because the resource does not exist in this Region, no resource-based policies allow access,"
    " or a resource-based policy explicitly denies access"
)
"""Three causes in one (KMS developer guide, "Troubleshooting key access")."""

ENDINGS = [
    # The ending, the type of policy, a Deny matched, the lane.
    (
        "because no service control policy allows the {action} action",
        "service control policy",
        False,
        "scp",
    ),
    ("with an explicit deny in a service control policy", "service control policy", True, "scp"),
    ("with an explicit deny in a resource control policy", "resource control policy", True, "rcp"),
    (
        "because no VPC endpoint policy allows the {action} action",
        "VPC endpoint policy",
        False,
        "endpoint",
    ),
    ("with an explicit deny in a VPC endpoint policy", "VPC endpoint policy", True, "endpoint"),
    (
        "because no permissions boundary allows the {action} action",
        "permissions boundary",
        False,
        "boundary",
    ),
    ("with an explicit deny in a permissions boundary", "permissions boundary", True, "boundary"),
    ("because no session policy allows the {action} action", "session policy", False, "session"),
    ("with an explicit deny in a session policy", "session policy", True, "session"),
    (
        "because no resource-based policy allows the {action} action",
        "resource-based policy",
        False,
        "resource",
    ),
    ("with an explicit deny in a resource-based policy", "resource-based policy", True, "resource"),
    (
        "because no role trust policy allows the {action} action",
        "role trust policy",
        False,
        "trust",
    ),
    ("with an explicit deny in the role trust policy", "role trust policy", True, "trust"),
    (
        "because no identity-based policy allows the {action} action",
        "identity-based policy",
        False,
        "permissions",
    ),
    (
        "with an explicit deny in an identity-based policy",
        "identity-based policy",
        True,
        "permissions",
    ),
]
