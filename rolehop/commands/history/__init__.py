"""The history: what was called and handed over, and which call of a CloudTrail trail was whose."""
