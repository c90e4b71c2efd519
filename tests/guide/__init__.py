"""The commands of the README and of the guide, run as they are printed.

A block of commands is fenced as ``console``; its commands begin with ``$ ``, and their further lines
with ``> ``. Lines that follow a command are what it prints: ``…`` stands for any part of a line, and
alone for any lines. What stands in a comment before a block is for the tests:

    <!-- not run: docker -->        needs docker, a browser, another machine, another system
    <!-- needs: clients -->        its python is the one that ROLEHOP_TEST_PYTHON_CLIENTS names, with
                                   aiobotocore, s3fs and dask; not run without
    <!-- exit: 4 -->                one of its commands ends with this code, the others with it or 0
    <!-- file: ~/.aws/config -->    the block is this file's text; the tests write it there
    <!-- config -->                 likewise, rolehop's config (a first one is there in any case)
    <!-- not run: part -->          a part of a config, which does not load alone

``python -m tests.guide [TOPIC…]`` runs them: of each page in its order, in one shell, in a home folder
and an AWS of its own.
"""
