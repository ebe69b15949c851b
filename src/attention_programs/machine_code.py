"""Loops compiled to machine code for this CPU, run without the GIL, in as many threads as torch uses."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator, UserWideCacheLocator

Function = TypeVar("Function", bound=Callable)

SHARES = 4
"""Chunks of work per thread, for an even load."""
LOWEST = np.float32(-87.0)
"""Arguments of exp are clipped here: exp(-87) = 1.6e-38 is about the smallest normal float32."""
LOG2_E = np.float32(1.4426950408889634)
E0, E1, E2, E3, E4, E5 = np.array(
    [0.99999988, 0.69315463, 0.24014077, 0.055863283, 0.0089462148, 0.0018951073], dtype=np.float32
)
"""The best polynomial approximation of 2^x on [0, 1], with an error of at most 2e-7."""
EXPONENT, BIAS = np.int32(23), np.int32(127)
"""The layout of float32: the number of mantissa bits, and the exponent's bias."""


class _OutsideThePackage(CompileResultCacheImpl):
    """Keeps machine code in the user's cache folder: in the package's own it would outlive an uninstall."""

    _locator_classes = [UserProvidedCacheLocator, UserWideCacheLocator]  # noqa: RUF012 - as numba declares it


class _Cache(FunctionCache):
    _impl_class = _OutsideThePackage


def machine_code(function: Function) -> Function:
    """Compiles for this CPU; sums may be reordered, and no number may be infinite or NaN."""
    compiled: Any = numba.njit(nogil=True, fastmath=True)(function)
    with contextlib.suppress(RuntimeError):  # no cache folder: it is compiled once per process
        compiled._cache = cast(Any, _Cache)(function)
    return compiled


@machine_code
def exp_of_negative(x: np.float32) -> np.float32:
    """exp(x) for x <= 0, in operations that the compiler can vectorise.

    >>> float(exp_of_negative(np.float32(0))), round(float(exp_of_negative(np.float32(-1))), 5)
    (0.9999998807907104, 0.36788)
    """
    x = max(x, LOWEST) * LOG2_E
    whole = np.float32(np.floor(x))
    part = x - whole
    power = ((((E5 * part + E4) * part + E3) * part + E2) * part + E1) * part + E0
    return power * np.int32(np.int32(np.int32(whole) + BIAS) << EXPONENT).view(np.float32)


def in_threads(count: int, work: Callable[[int, int], None]) -> None:
    """Divides work among threads.

    Args:
        count: Number of items.
        work: Takes the start and end of a range of items; each item must be independent of the others.
    """
    import torch

    threads = torch.get_num_threads()
    bounds = np.linspace(0, count, min(count, SHARES * threads) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))
