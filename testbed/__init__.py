"""Real things to try the project on: Dask clusters, stores, servers, databases, bundles, runs.

The tests and the benchmarks start them from here, each kind from a file of its own. Nothing here
is a test, knows pytest, or is installed with the project.
"""

from unittest import SkipTest


class NotHere(SkipTest):
    """Something that this machine would need is not on it; the message says what.

    pytest skips a test that raises it, as it does for any `unittest.SkipTest`.
    """
