"""Fleets: accounts listed in a file or by AWS, and the chains made of them."""
