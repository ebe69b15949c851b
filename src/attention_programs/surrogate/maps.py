"""Maps of programs on texts, computed once and kept within a bound of bytes."""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attention_programs.heads import Head
from attention_programs.models.pieces import Pieces
from attention_programs.programs.runtime import Program, Rejected, run
from attention_programs.programs.table import ProgramRecord
from attention_programs.programs.view import TokenView

Ids = tuple[int, ...]
Maps = NDArray[np.float32]


class MapCache:
    """Least-recently-used store of maps by (text, program), shared by all surrogates of one model.

    Args:
        pieces: Strings of token ids.
        causal: Whether the model is causal.
        max_bytes: Bound on the maps kept; the views that are kept besides are bounded by ``max_views``.
        max_views: Texts whose vocabulary terms are kept.
    """

    def __init__(self, pieces: Pieces, causal: bool, max_bytes: int = 2**30, max_views: int = 4) -> None:
        self._pieces = pieces
        self._causal = causal
        self._max_bytes = max_bytes
        self._max_views = max_views
        self._maps: OrderedDict[tuple[Ids, str], Maps] = OrderedDict()
        self._views: OrderedDict[Ids, TokenView] = OrderedDict()
        self._bytes = 0

    @property
    def bytes_used(self) -> int:
        """Bytes of the maps that are kept."""
        return self._bytes

    def get(self, ids: Ids, record: ProgramRecord, program: Program) -> Maps:
        """The program's map on a text, shape (n, n).

        Raises:
            RuntimeError: if the program fails on this text; a replaced head is never quietly left in place.
        """
        key = (ids, record.id)
        found = self._maps.get(key)
        if found is not None:
            self._maps.move_to_end(key)
            return found
        outcome = run(program, self._view(ids))
        if isinstance(outcome, Rejected):
            raise RuntimeError(
                f"program {record.name!r} ({record.id[:10]}) fails on a text of {len(ids)} tokens: "
                f"{outcome.reason} ({outcome.message})"
            )
        self._maps[key] = outcome.weights
        self._bytes += outcome.weights.nbytes
        while self._bytes > self._max_bytes and len(self._maps) > 1:
            self._bytes -= self._maps.popitem(last=False)[1].nbytes
        return outcome.weights

    def _view(self, ids: Ids) -> TokenView:
        view = self._views.pop(ids, None) or TokenView(ids, self._pieces(ids), self._causal)
        self._views[ids] = view
        while len(self._views) > self._max_views:
            self._views.popitem(last=False)
        return view


Assignment = Mapping[Head, ProgramRecord]
"""Which head is replaced by which program."""
