"""Maps of programs on texts, computed once and kept within a bound of bytes."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.models.pieces import Pieces
from attention_programs.models.token_style import NO_SPECIAL, SpecialIds
from attention_programs.programs.outcome import Outcome, Rejected
from attention_programs.programs.runner import Runner
from attention_programs.programs.table import ProgramRecord
from attention_programs.programs.view import TokenView

Ids = tuple[int, ...]
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class _Key:
    """A text and one of its maps, or its view where no program is named."""

    ids: Ids
    program: str = ""


class MapCache:
    """Least-recently-used store of maps by (text, program), shared by all surrogates of one model.

    Views are kept beside the maps while texts have programs left to run: what a view derives serves all of them.

    Args:
        pieces: Strings of token ids.
        causal: Whether the model is causal.
        runner: What runs programs; closing it is the caller's.
        max_bytes: Bound on the arrays of all maps and views that are kept.
        special_ids: Ids of special tokens.
    """

    def __init__(
        self,
        pieces: Pieces,
        causal: bool,
        runner: Runner,
        max_bytes: int = 2**30,
        special_ids: SpecialIds = NO_SPECIAL,
    ) -> None:
        self._pieces = pieces
        self._special_ids = special_ids
        self._causal = causal
        self._runner = runner
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Key, Maps | TokenView] = OrderedDict()
        self._sizes: dict[_Key, int] = {}
        self._bytes = 0

    @property
    def bytes_used(self) -> int:
        """Bytes of what is kept."""
        return self._bytes

    def get(self, ids: Ids, record: ProgramRecord) -> Maps:
        """The program's map on a text, shape (n, n), read-only.

        Raises:
            RuntimeError: if the program fails on this text; a replaced head is never quietly left in place.
        """
        key = _Key(ids, record.id)
        found = self._kept.get(key)
        if isinstance(found, np.ndarray):
            self._kept.move_to_end(key)
            return found
        outcome = self._run(ids, record)
        if isinstance(outcome, Rejected):
            raise RuntimeError(
                f"program {record.name!r} ({record.id[:10]}) fails on a text of {len(ids)} tokens: "
                f"{outcome.reason} ({outcome.message})"
            )
        outcome.weights.flags.writeable = False
        self._keep(key, outcome.weights)
        return outcome.weights

    def _run(self, ids: Ids, record: ProgramRecord) -> Outcome:
        found = self._kept.get(_Key(ids))
        view = found if isinstance(found, TokenView) else self._view(ids)
        (outcome,) = self._runner.outcomes([record], view)
        self._keep(_Key(ids), view)
        return outcome

    def _view(self, ids: Ids) -> TokenView:
        return TokenView(ids, self._pieces(ids), self._causal, self._special_ids)

    def _keep(self, key: _Key, value: Maps | TokenView) -> None:
        """Keeps a value as the one used last, and lets go of those used longest ago until all fits the bound."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        self._bytes += value.nbytes - self._sizes.get(key, 0)  # a view grows with each program
        self._sizes[key] = value.nbytes
        while self._bytes > self._max_bytes:
            oldest, _ = self._kept.popitem(last=False)
            self._bytes -= self._sizes.pop(oldest)
