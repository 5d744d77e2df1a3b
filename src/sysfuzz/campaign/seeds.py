"""The seed of an epoch: a pure function of the campaign's, the shard and the epoch's number, so that an epoch can be run again."""

import hashlib

MAX_SEED = 2**31 - 1


def epoch_seed(seed: int, shard: str, number: int) -> int:
    """From 0 to MAX_SEED."""
    digest = hashlib.sha256(f"{seed}/{shard}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & MAX_SEED
