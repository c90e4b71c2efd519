"""Tests of reading IAM documents."""
