"""Where the package names a device or leaves one: every such place has a reason, so that a new one gets noticed."""

import re

import pytest

from conftest import ROOT

SOURCE = ROOT / "src" / "attention_programs"
ON_CPU = r'"cpu"|\.cpu\(\)|\.numpy\(\)'
PLACES = {
    "api/model.py": "the user's choice of a device has a default",
    "attention/reading.py": "patterns leave the device, a block of rows at a time",
    "checkpoint.py": "safetensors writes from the CPU; what is read goes to the journal's device",
    "models/loading.py": "the device to fall back to, and the default",
    "models/precision.py": "a warning for slow CPUs",
    "scoring/pairwise.py": "compiled loops where there is no GPU; scores leave the device",
    "sparse_search/passes.py": "compiled loops where there is no GPU",
    "sparse_search/sharing.py": "the table of all pairs, which is small",
    "sparse_search/sparse_programs.py": "the default",
    "surrogate/ablation.py": "sums over places",
    "surrogate/compiled_programs.py": "compiled loops where there is no GPU",
    "surrogate/constant_output.py": "a hash of a vector",
    "surrogate/intervention.py": "token ids, which programs read",
    "surrogate/losses.py": "sums over places",
    "surrogate/output_sums.py": "compiled loops where there is no GPU",
}
"""Why these files may name the CPU or bring tensors to it."""
MADE_ON_CPU = re.compile(r"torch\.(?:zeros|ones|empty|full|arange|eye|linspace|randn?|Generator)\((?!.*device)")
MADE = {
    "models/loading.py": "a batch is filled on the CPU, then moved",
    "sparse_search/design.py": "groups of rows are filled on the CPU, then moved",
    "surrogate/compiled_programs.py": "filled by compiled loops, on the CPU only",
    "surrogate/contract_checks.py": "the trial of an architecture runs on the CPU",
    "surrogate/small_model.py": "the model of that trial",
}
"""Why these files may make tensors without naming a device."""


def naming(pattern: str | re.Pattern[str]) -> set[str]:
    """Files with the pattern in a line of code; examples in docstrings don't count."""
    return {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith((">>>", "#")) and re.search(pattern, line)
    }


def test_only_known_places_name_the_cpu_or_bring_tensors_to_it() -> None:
    assert naming(ON_CPU) == set(PLACES)


def test_only_known_places_make_tensors_without_a_device() -> None:
    assert naming(MADE_ON_CPU) == set(MADE)


@pytest.mark.parametrize(
    ("line", "found"),
    [("torch.zeros(3)", True), ("torch.zeros(3, device=x.device)", False), ("x.new_zeros(3)", False)],
)
def test_the_pattern_finds_them(line: str, found: bool) -> None:
    assert bool(MADE_ON_CPU.search(line)) == found
