"""Random numbers as a pure function of names and indices.

A sample is a pure function of (run seed, split, index): no generator is ever shared between
samples, so the number of workers, their order and a crash cannot change a sample.
"""

import hashlib

import numpy as np


def derive_rng(*keys: int | str | np.integer) -> np.random.Generator:
    """Return a generator that depends on ``keys`` alone, on every platform and in every process.

    Args:
        keys: Integers and names, for instance ``(seed, "train", 1234, "view")``. Two different key
            tuples give statistically independent streams (blake2b feeds ``SeedSequence``).
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(derive_seed(*keys))))


def derive_seed(*keys: int | str | np.integer) -> int:
    """Return a 128-bit integer that depends on ``keys`` alone (types count: ``1`` is not ``"1"``)."""
    text = "\x1f".join(f"{'i' if isinstance(key, (int, np.integer)) else 's'}{key}" for key in keys)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
