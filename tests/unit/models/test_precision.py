"""Products of matrices are in bfloat16 where the CPU has instructions for it, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attention_programs.models import precision
from attention_programs.models.precision import computed_in, cpu_has_bfloat16, say_if_slow


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    cpu_has_bfloat16.cache_clear()
    yield
    cpu_has_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("said", "has"),
    [
        ("CPU\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n", True),
        ("flags : fpu avx2 fma f16c\n", False),
        ("flags : fpu avx512f avx512_bf16x\n", False),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("model name : a bf16 machine\n", False),
        ("", False),
    ],
)
def test_the_system_tells_what_the_processor_has(
    said: str, has: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(said)
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    assert cpu_has_bfloat16() is has
    assert computed_in("fastest", "cpu") == ("bfloat16" if has else "float32")
    assert computed_in("bfloat16", "cpu") == "bfloat16"
    assert computed_in("float32", "cpu") == "float32"


def test_slow_weights_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "none")
    say_if_slow("float32", "cpu")
    say_if_slow("bfloat16", "cuda")
    assert capsys.readouterr().err == ""
    say_if_slow("bfloat16", "cpu")
    assert "the model's weights are in bfloat16" in capsys.readouterr().err
