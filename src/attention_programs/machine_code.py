"""Loops compiled to machine code for this CPU, run without Python's lock, in as many threads as torch has."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator, UserWideCacheLocator

Function = TypeVar("Function", bound=Callable)

SHARES = 4
"""Parts of the work for each thread, so that none waits long for another."""
LOWEST = np.float32(-87.0)
"""exp of anything below counts as exp of it: 1.6e-38, the smallest number of full precision."""
LOG2_E = np.float32(1.4426950408889634)
E0, E1, E2, E3, E4, E5 = np.array(
    [0.99999988, 0.69315463, 0.24014077, 0.055863283, 0.0089462148, 0.0018951073], dtype=np.float32
)
"""The polynomial nearest to 2^x between 0 and 1; off by 2e-7 at most."""
EXPONENT, BIAS = np.int32(23), np.int32(127)
"""How float32 is stored: bits before the exponent, and the exponent of 1."""


class _OutsideThePackage(CompileResultCacheImpl):
    """Keeps machine code in the user's cache folder: what lies in the package's own would outlive an uninstall."""

    _locator_classes = [UserProvidedCacheLocator, UserWideCacheLocator]  # noqa: RUF012 - as numba writes it


class _Cache(FunctionCache):
    _impl_class = _OutsideThePackage


def machine_code(function: Function) -> Function:
    """Compiles for this CPU; sums may be taken in any order, and no number is infinite or undefined."""
    compiled: Any = numba.njit(nogil=True, fastmath=True)(function)
    with contextlib.suppress(RuntimeError):  # no folder to keep it in: it is compiled once a process
        compiled._cache = cast(Any, _Cache)(function)
    return compiled


@machine_code
def exp_of_negative(x: np.float32) -> np.float32:
    """exp(x) for x of at most 0, in operations that work on many numbers at once.

    >>> float(exp_of_negative(np.float32(0))), round(float(exp_of_negative(np.float32(-1))), 5)
    (0.9999998807907104, 0.36788)
    """
    x = max(x, LOWEST) * LOG2_E
    whole = np.float32(np.floor(x))
    part = x - whole
    power = ((((E5 * part + E4) * part + E3) * part + E2) * part + E1) * part + E0
    return power * np.int32(np.int32(np.int32(whole) + BIAS) << EXPONENT).view(np.float32)


def in_threads(count: int, work: Callable[[int, int], None]) -> None:
    """Divides ``count`` items among threads.

    Args:
        count: Items.
        work: Takes the number of a first item and that after the last; what it does for an item must not depend on
            the others.
    """
    import torch

    threads = torch.get_num_threads()
    bounds = np.linspace(0, count, min(count, SHARES * threads) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))
