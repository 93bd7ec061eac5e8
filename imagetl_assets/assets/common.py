"""What all assets have in common."""

import hashlib
from collections.abc import Sequence

from dagster import BackfillPolicy, Backoff, DataVersion, RetryPolicy

GROUP = "images"

# A tag with this prefix is one of an asset's kinds, where there is no other way to set them.
KIND_PREFIX = "dagster/kind/"

# A run over many files costs little more than a run over one.
BACKFILL_POLICY = BackfillPolicy.single_run()

# What fails because a disk, a network or a store is in trouble for a moment.
SHORT_RETRIES = RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL)


def joint_version(versions: Sequence[str]) -> DataVersion:
    """Return the data version of what a step has made for its partitions.

    Dagster knows only one for all partitions of a step, so it changes if any of them does.
    """
    if len(versions) == 1:
        return DataVersion(versions[0])
    return DataVersion(hashlib.sha256("".join(versions).encode()).hexdigest())
