"""Compare rolehop with the independent reading: ``python -m tests.policy [WORLDS] [SEED]``."""

from __future__ import annotations

import sys

from tests.policy.helpers.comparison import compare, compare_scopes

if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    count, seed = (*numbers, *(5000, 0)[len(numbers) :])
    sys.stdout.write(compare(count, seed).summary + "\n")
    sys.stdout.write(f"with scopes: {compare_scopes(count, seed).summary}\n")
