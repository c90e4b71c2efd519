"""Makes this interpreter another system's as soon as it imports rolehop; a test has asked for it.

Not before: what does not import rolehop, like the programs that rolehop starts, is as usual.
"""

import os
import sys
from typing import Any


class _Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "rolehop":
            sys.meta_path.remove(self)
            from tests.systems.interpreter import become

            become(os.environ["ROLEHOP_TEST_SYSTEM"])


if "ROLEHOP_TEST_SYSTEM" in os.environ:
    sys.meta_path.insert(0, _Finder())
