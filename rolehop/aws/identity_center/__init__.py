"""IAM Identity Center: its OIDC service, its access portal, and the cache shared with the AWS CLI."""
