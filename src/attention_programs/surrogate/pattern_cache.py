"""A cache of programs' patterns on texts, bounded in bytes."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from attention_programs.models.sequence import TokenSequence
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Rejected
from attention_programs.programs.runner import Runner
from attention_programs.programs.view import TokenView

Ids = tuple[int, ...]
PatternArray = NDArray[np.float32]
Found = TypeVar("Found")


_Key = tuple[Ids, str]
"""A text and the id of a program for its pattern, or an empty one for its view."""


class PatternCache:
    """Least-recently-used cache of patterns by (text, program), shared by all surrogates of one model.

    Views are cached along with the patterns, as what a view derives from a text serves all programs.

    Args:
        read: Returns the tokenised text for token ids.
        runner: Runs programs; the caller closes it.
        max_bytes: Limit on the arrays of all cached patterns and views.
    """

    def __init__(self, read: Callable[[Ids], TokenSequence], runner: Runner, max_bytes: int = 2**30) -> None:
        self._read = read
        self._runner = runner
        self._kept: LRUCache[_Key, PatternArray | TokenView] = LRUCache(max_bytes, getsizeof=lambda value: value.nbytes)

    @property
    def bytes_used(self) -> int:
        """Bytes in the cache."""
        return int(self._kept.currsize)

    def get(self, ids: Ids, record: ProgramRecord) -> PatternArray:
        """The program's pattern on a text, shape (n, n), read-only.

        Raises:
            RuntimeError: if the program fails on this text; a head is never silently left unreplaced.
        """
        key = (ids, record.id)
        found = self._kept.get(key)
        if isinstance(found, np.ndarray):
            return found
        (outcome,) = self.on_view(ids, partial(self._runner.outcomes, [record]))
        if isinstance(outcome, Rejected):
            raise RuntimeError(
                f"program {record.name!r} ({record.id[:10]}) fails on a text of {len(ids)} tokens: "
                f"{outcome.reason} ({outcome.message})"
            )
        outcome.weights.flags.writeable = False
        self._keep(key, outcome.weights)
        return outcome.weights

    def on_view(self, ids: Ids, use: Callable[[TokenView], Found]) -> Found:
        """What a function makes of a text's view, which all programs share."""
        kept = self._kept.get((ids, ""))
        view = kept if isinstance(kept, TokenView) else TokenView.of(self._read(ids))
        found = use(view)
        self._keep((ids, ""), view)
        return found

    def _keep(self, key: _Key, value: PatternArray | TokenView) -> None:
        """Caches a value as the most recently used, unless it exceeds the limit by itself."""
        self._kept.pop(key, None)  # its recorded size is outdated, as a view grows with each program
        with contextlib.suppress(ValueError):
            self._kept[key] = value
