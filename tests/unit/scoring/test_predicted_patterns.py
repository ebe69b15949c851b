"""Patterns are packed alike however many programs run at a time."""

import numpy as np
import pytest

from attention_programs.attention.packing import Packing
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.programs.run_result import Outcome, Reason, Rejected
from attention_programs.programs.runner import TrustedRunner
from attention_programs.programs.view import TokenView
from attention_programs.scoring import predicted_patterns as module
from attention_programs.scoring.predicted_patterns import predicted_patterns
from builders import program_record
from cases import LONG, mapped, view_of

PROGRAMS = [program_record(f"text.{name}") for name in ("first_token", "previous_token", "uniform", "self_token")]
TEXT = mapped(view_of(LONG), np.zeros((0, 0), np.float16), "long")


class Counting(TrustedRunner):
    """Fails one program, and counts how many run at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def outcomes(self, programs, view):  # type: ignore[no-untyped-def]
        self.sizes.append(len(programs))
        return super().outcomes(programs, view)

    def run(self, program, view) -> Outcome:  # type: ignore[no-untyped-def]
        return Rejected(Reason.EXCEPTION, "no") if program is PROGRAMS[2] else super().run(program, view)


@pytest.mark.parametrize("rows", [(), (0, 1, 4, 9)])
def test_few_programs_at_a_time_give_the_same_patterns(rows: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    text = TextAttention(**vars(TEXT) | {"rows": rows})
    together, runner = predicted_patterns(PROGRAMS, text, Counting()), Counting()
    monkeypatch.setattr(module, "FULL_BYTES", 3 * 4 * len(LONG) ** 2)
    assert np.array_equal(predicted_patterns(PROGRAMS, text, runner), together)
    assert runner.sizes == [3, 1]
    assert not together[2].any()
    packing = Packing(len(LONG), True, rows)
    own = packing.weighted(packing.pack(TokenView.of(text).matrix("self_token")))
    assert np.array_equal(together[3], own)
