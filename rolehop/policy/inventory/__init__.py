"""Read IAM documents, as the AWS CLI exports them, into an inventory of an account."""
