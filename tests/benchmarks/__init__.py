"""The cost of rolehop, as ratios within one run: ``python -m tests.benchmarks``.

Each row starts its programs in turn with a bare interpreter of the same environment
(``python -I -c pass``), so that whatever slows the machine down slows both.
"""
