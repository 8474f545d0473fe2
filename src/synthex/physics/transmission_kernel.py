"""Numba kernel: Beer-Lambert over materials and energies, vectorised over pixels."""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 512  # pixels; three float32 rows of it and the area densities stay in the first-level cache

# Sums may be reordered so that loops vectorise, but infinite amounts keep their meaning: opaque.
FINITE_OR_NOT = {"reassoc", "contract", "arcp", "nsz"}

# 2^f for f in [-0.5, 0.5]: Taylor's coefficients ln(2)^n / n!; what is cut off is below 1.2e-7.
C1, C2, C3, C4, C5, C6 = (np.float32(np.log(2) ** n / math.factorial(n)) for n in range(1, 7))


@intrinsic
def float_from_bits(typing_context: Any, bits: Any) -> Any:
    """Reinterpret 32 bits as a float."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(cache=True, nogil=True, fastmath=FINITE_OR_NOT)
def exp2_negative(x: np.float32) -> np.float32:
    """2^x for -126 <= x <= 0 without branches, so that loops over it vectorise; relative error 3e-7."""
    whole = np.int32(x - np.float32(0.5))
    f = x - np.float32(whole)
    p = C6
    p = p * f + C5
    p = p * f + C4
    p = p * f + C3
    p = p * f + C2
    p = p * f + C1
    p = p * f + np.float32(1.0)
    return p * float_from_bits((whole + np.int32(127)) << np.int32(23))  # type: ignore[call-arg]


@njit(cache=True, nogil=True, fastmath=FINITE_OR_NOT)
def attenuate(area: np.ndarray, exponents: np.ndarray, first: np.ndarray, second: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` (2, P) with the sums over energies of ``first`` and ``second`` times transmission.

    Args:
        area: Area densities, (M, P) float32.
        exponents: Minus mass attenuation over ln 2, (E, M) float32.
        first: Weight of each energy in the first sum, (E,) float32.
        second: Weight of each energy in the second sum, (E,) float32.
        out: (2, P) float32.
    """
    materials, pixels = area.shape
    exponent = np.empty(BLOCK, dtype=np.float32)
    sums = np.empty((2, BLOCK), dtype=np.float32)
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        sums[:] = np.float32(0.0)
        for e in range(len(first)):
            for p in range(count):
                exponent[p] = exponents[e, 0] * area[0, start + p]
            for m in range(1, materials):
                factor = exponents[e, m]
                for p in range(count):
                    exponent[p] += factor * area[m, start + p]
            a, b = first[e], second[e]
            for p in range(count):
                # Beyond 2^-120 nothing is left that a float32 sum of signals could show.
                passed = exp2_negative(min(max(exponent[p], np.float32(-120.0)), np.float32(0.0)))
                sums[0, p] += a * passed
                sums[1, p] += b * passed
        for p in range(count):
            out[0, start + p] = sums[0, p]
            out[1, start + p] = sums[1, p]
