"""The program in the lines of `rolehop profile install`: ``python -IS launcher.py SCRIPT ARGUMENTS``.

Python compiles this file at every start, so it only imports what does the work.
"""

import sys

if __name__ == "__main__":
    # Found first and searched once: without site, Python does not know the folder of packages.
    sys.path.insert(0, __file__.removesuffix("/rolehop/hotpath/launcher.py"))
    try:
        from rolehop.hotpath.installed_line import main
    except KeyboardInterrupt:
        sys.exit(130)
    del sys.path[0]
    main(sys.argv[1:])
