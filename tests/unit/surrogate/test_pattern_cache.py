"""The pattern cache: nothing runs twice, its size stays bounded, the least recently used patterns go first."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.config import SandboxSettings
from attention_programs.models.sequence import TokenSequence
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome
from attention_programs.programs.view import TokenView
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.untrusted.execution import SandboxRunner
from builders import program_record

TERMS = ("text.first_token", "text.induction + 0.1 * text.uniform", "text.softmax(2.0 * text.key.comma)")
RECORDS = [program_record(terms) for terms in TERMS]
TEXTS = [tuple(range(start, start + 20)) for start in range(10)]
PATTERN_BYTES = 20 * 20 * 4


def read(ids: tuple[int, ...]) -> TokenSequence:
    return TokenSequence(ids, tuple(f" w{token}" if token % 4 else "," for token in ids))


class Counting(SandboxRunner):
    """A runner that notes which programs run on which texts."""

    def __init__(self) -> None:
        super().__init__(SandboxSettings(), 1, TokenStyle("byte-level"))
        self.runs: list[tuple[str, int]] = []

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        self.runs += [(record.name, view.ids[0]) for record in programs]
        return super().outcomes(programs, view)


def store(counting: Counting | None = None, **more: int) -> PatternCache:
    return PatternCache(read, counting or Counting(), **more)


def get(cache: PatternCache, text: int, which: int) -> np.ndarray:
    return cache.get(TEXTS[text], RECORDS[which])


def test_a_repeated_text_costs_no_run() -> None:
    counting = Counting()
    cache = store(counting)
    first = [get(cache, text, which) for text in range(4) for which in range(3)]
    assert len(counting.runs) == 12
    again = [get(cache, text, which) for text in range(4) for which in range(3)]
    assert len(counting.runs) == 12
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_programs_of_a_text_share_what_its_view_derives(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = TokenView.__init__

    def noting(view: TokenView, *arguments: object) -> None:
        made.append(1)
        make(view, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(TokenView, "__init__", noting)
    counting = Counting()
    cache = store(counting)
    for which in range(3):
        for text in range(10):  # as a batch is run: program by program, text by text
            get(cache, text, which)
    assert len(made) == 10


def test_views_count_with_all_that_they_derive() -> None:
    counting = Counting()
    cache = store(counting)
    get(cache, 0, 0)
    view = TokenView.of(read(TEXTS[0]))
    assert view.nbytes == 0
    _ = view.first_token
    assert view.nbytes == PATTERN_BYTES
    assert cache.bytes_used == view.nbytes + PATTERN_BYTES
    get(cache, 0, 1)
    _ = view.induction, view.same_token, view.uniform
    assert view.nbytes == 4 * PATTERN_BYTES
    assert cache.bytes_used == view.nbytes + 2 * PATTERN_BYTES


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=40), st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_the_bound_holds_and_results_are_equal_after_eviction(uses: list[tuple[int, int]], patterns: int) -> None:
    bound = patterns * PATTERN_BYTES
    cache = store(max_bytes=bound)
    plenty = store()
    for text, which in uses:
        found = get(cache, text, which)
        assert cache.bytes_used <= bound
        np.testing.assert_array_equal(found, get(plenty, text, which))


def test_the_least_recently_used_goes_first() -> None:
    # The view of a text and its first map take 2 maps' bytes: three texts fit.
    counting = Counting()
    cache = store(counting, max_bytes=6 * PATTERN_BYTES)
    for text in (0, 1, 2):
        get(cache, text, 0)
    get(cache, 0, 0)
    get(cache, 3, 0)  # needs the room of two: the views of texts 0 and 1 are the oldest
    counting.runs.clear()
    for text in (0, 1, 2, 3):
        get(cache, text, 0)
    assert counting.runs == []
    get(cache, 4, 0)
    get(cache, 5, 0)
    counting.runs.clear()
    get(cache, 5, 0)
    get(cache, 0, 0)
    assert counting.runs == [(TERMS[0], 0)]


def test_patterns_that_are_shared_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        get(store(), 0, 0)[0, 0] = 5
