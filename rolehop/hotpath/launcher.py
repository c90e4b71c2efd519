"""The program in the lines of `rolehop profile install`: ``python -IS launcher.py SCRIPT ARGUMENTS``.

It is installed twice: in the package, and in ``share/rolehop`` of the environment, a path that
stays while Python's version, which names the folder of packages, changes. Python compiles this file
at every start, so it only imports what does the work.
"""

import sys

if __name__ == "__main__":
    # Found first and searched once: without site, Python does not know the folder of packages.
    packages = __file__.removesuffix("/rolehop/hotpath/launcher.py")
    if packages == __file__:
        prefix = __file__.removesuffix("/share/rolehop/launcher.py")
        version = sys.version_info
        packages = f"{prefix}/lib/python{version[0]}.{version[1]}/site-packages"
    sys.path.insert(0, packages)
    try:
        from rolehop.hotpath.installed_line import main
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError:  # another Python came, and rolehop is not there for it (yet)
        if sys.platform != "win32" and sys.argv[1:] and sys.argv[1].startswith("/"):
            import posix

            posix.execv(sys.argv[1], sys.argv[1:])
        raise
    del sys.path[0]
    main(sys.argv[1:])
