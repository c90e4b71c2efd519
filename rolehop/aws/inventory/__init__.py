"""Read what accounts and their organization say of policies: IAM and Organizations."""
