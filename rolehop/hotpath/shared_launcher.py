"""The launcher of an installation, as ``share/rolehop/launcher.py``: no version of Python is in its path.

So the line in an AWS config stays right when Python is upgraded. Of each Python it finds the packages.
"""

import sys

if __name__ == "__main__":
    sys.path.insert(0, __file__[:-26] + "/lib/python" + sys.version[:4] + "/site-packages")
    try:
        from rolehop.hotpath.installed_line import main
    except KeyboardInterrupt:
        sys.exit(130)
    del sys.path[0]
    main(sys.argv[1:])
