"""What the accounts of the STS double tell about themselves: IAM's documents, the organization."""
