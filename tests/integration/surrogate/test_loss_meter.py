"""Losses are measured once for each set of replaced heads, also by a run that follows a killed one."""

from pathlib import Path

import pytest

from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate import loss_meter
from attention_programs.surrogate.constant_output import zero_outputs
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import ids_losses
from attention_programs.surrogate.windows import Windows
from builders import encoded, program_record

PROGRAM = program_record("text.softmax(1.5 * text.first_token - 0.7 * text.log_distance)")
REPLACED = {Head(0, 1): PROGRAM, Head(2, 3): PROGRAM}


def meter(loaded: LoadedModel, checkpoint: Path | None = None, texts: int = 3) -> LossMeter:
    windows = Windows([list(ids) for ids in encoded(loaded, texts)], [0, 0, 1][:texts])
    return LossMeter(loaded, windows, 2, pattern_cache(loaded), checkpoint=checkpoint)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts measurements."""
    counted: list[int] = []

    def counting(*inputs: object) -> object:
        counted.append(1)
        return ids_losses(*inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(loss_meter, "ids_losses", counting)
    return counted


def test_equal_sets_are_measured_once(llama: LoadedModel, passes: list[int]) -> None:
    measured = meter(llama)
    first = measured.losses(REPLACED)
    assert measured.losses(dict(reversed(REPLACED.items()))) == first
    assert measured.losses({}) == measured.original
    assert len(passes) == 2
    assert measured.losses(zero_outputs(llama, list(REPLACED))) != first
    assert [loss.tokens for loss in first] == [
        len(encoded(llama)[0]) + len(encoded(llama)[1]) - 2,
        len(encoded(llama)[2]) - 1,
    ]


def test_a_later_run_reads_what_is_finished(llama: LoadedModel, tmp_path: Path, passes: list[int]) -> None:
    first = meter(llama, tmp_path / "kept").losses(REPLACED)
    done = len(passes)
    again = meter(llama, tmp_path / "kept")
    assert again.losses(REPLACED) == first
    assert len(passes) == done
    assert again.losses({Head(0, 0): PROGRAM}) != first
    assert len(passes) == done + 1


def test_other_texts_are_measured_anew(llama: LoadedModel, tmp_path: Path, passes: list[int]) -> None:
    meter(llama, tmp_path / "kept").losses(REPLACED)
    done = len(passes)
    meter(llama, tmp_path / "kept", texts=2).losses(REPLACED)
    assert len(passes) == done + 2
