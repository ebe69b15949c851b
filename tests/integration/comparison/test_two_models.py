"""Two tiny models compared from end to end: their found programs scored, pooled and transferred."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from attention_programs import cli
from attention_programs.attention.metrics import iou
from attention_programs.attention.pattern_store import TextAttention, read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.comparison.found_programs import read_pool, read_scores, score_found, scores_path, write_scores
from attention_programs.comparison.settings import ComparisonSettings, write_settings
from attention_programs.config import AttentionSettings, load_config
from attention_programs.corpora.text import SPLITS
from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.paths import Paths
from attention_programs.programs.record import ProgramRecord, write_programs
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runner import TrustedRunner
from attention_programs.programs.view import TokenView
from attention_programs.project.folder import make_project
from attention_programs.scoring.workers import Workers
from builders import params_with, program_record, texts_from
from conftest import ROOT, SENTENCES, tiny_model
from pipelines import compare_models, found_scores

PROFILES = {"tiny-llama": "llama", "tiny-bert": "bert"}
WORKERS = Workers(1, 64, "cpu")
POOLS = {
    "tiny-llama": ["text.uniform", "text.first_token"],
    "tiny-bert": ["text.uniform", "3.0 * text.self_token", "text.softmax(2.0 * text.previous_token)"],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "params.yaml").write_text(yaml.safe_dump(params_with(threads=1)), encoding="utf-8")
    write_settings(root, ComparisonSettings(tuple(PROFILES), {}, bootstrap_samples=20))
    texts = texts_from([*SENTENCES, "A dog."], "a", SPLITS)
    for profile, family in PROFILES.items():
        folder = root / "data" / profile
        extract_to_folder(tiny_model(family), texts, AttentionSettings(max_tokens=24), folder / "attention")
        found = [program_record(terms, heads=["L0H0"]) for terms in POOLS[profile]]
        write_programs(folder / "found_programs.jsonl", [*found, program_record("text.self_token", author="baseline")])
    return root


@pytest.fixture(scope="module")
def compared(project: Path) -> Path:
    """The project after all stages of the comparison."""
    paths = Paths.of(load_config(project / "params.yaml"), project)
    given = sys.argv
    try:
        for programs_of in PROFILES:
            for heads_of in PROFILES:
                sys.argv = ["found_scores", programs_of, heads_of]
                found_scores.main(load_config(project / "params.yaml"), paths)
    finally:
        sys.argv = given
    compare_models.main(load_config(project / "params.yaml"), paths)
    return project


@pytest.mark.slow
def test_the_command_runs_its_pipeline_in_a_project_folder(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "made"
    make_project(root)
    shutil.copytree(project / "data/tiny-llama", root / "data/tiny-llama")
    for table in ("heads", "iou", "perplexity"):
        (root / "results/tiny-llama").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"results/smoke/{table}.csv", root / "results/tiny-llama")
    arguments = ["compare-models", "tiny-llama", "--project", str(root)]
    assert cli.main(arguments) == 0
    written = [line.removeprefix("written: ") for line in capsys.readouterr().out.splitlines() if "written" in line]
    assert written[0] == "results/models.csv"
    assert {"results/models/library.csv", "results/models/transfer.csv"} < set(written)
    assert all((root / path).is_file() for path in written)
    scores = scores_path(root, "tiny-llama", "tiny-llama")
    before = scores.stat().st_mtime_ns
    assert cli.main(arguments) == 0  # nothing has changed, so no stage runs again
    assert scores.stat().st_mtime_ns == before


def weights_of(program: ProgramRecord, text: TextAttention) -> NDArray[np.float32]:
    outcome = TrustedRunner().run(program, TokenView.of(text))
    assert isinstance(outcome, Scored)
    return outcome.weights


def test_scores_are_those_of_the_measure(compared: Path) -> None:
    scores = read_scores(scores_path(compared, "tiny-bert", "tiny-llama"))
    pool = read_pool(compared / "data/tiny-bert/found_programs.jsonl")
    assert scores.programs.tolist() == [program.id for program in pool]
    texts = {split: list(read_patterns(compared / "data/tiny-llama/attention", [split])) for split in SPLITS}
    assert scores.texts.tolist() == [text.key for text in texts["test"]]
    for place, program in enumerate(pool):
        expected = [[iou(weights_of(program, text), pattern) for pattern in text.patterns] for text in texts["test"]]
        np.testing.assert_allclose(scores.test[:, place], expected, atol=2e-3)


def test_the_tables_are_complete_and_deterministic(compared: Path) -> None:
    results = compared / "results/models"
    first = {path.name: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}
    assert set(first) == {
        "library.csv", "library_curve.csv", "library_programs.csv", "transfer.csv", "library.png", "library.svg"
    }  # fmt: skip
    config = load_config(compared / "params.yaml")
    compare_models.main(config, Paths.of(config, compared))
    assert {path.name: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()} == first
    transfer = read_csv(results / "transfer.csv")
    assert len(transfer) == 4
    assert (transfer[transfer["programs_of"] == transfer["heads_of"]]["difference"] == 0).all()
    sizes = read_csv(results / "library.csv")
    assert sizes["library"].unique().tolist() == ["all", *PROFILES]
    assert sizes.groupby("library")["pool"].first().to_dict() == {"all": 4, "tiny-llama": 2, "tiny-bert": 3}
    assert sizes.groupby("library")["heads"].first().to_dict() == {"all": 24, "tiny-llama": 12, "tiny-bert": 12}


def test_a_program_that_looks_ahead_explains_no_head_of_a_causal_model(project: Path) -> None:
    pool = [program_record("text.uniform"), program_record("text.first_token", prefix_test="looks_ahead")]
    causal, both = (score_found(pool, project / f"data/{name}/attention", WORKERS, "scoring") for name in PROFILES)
    assert (causal.validation[0] > 0).all()
    assert (causal.validation[1] == 0).all()
    assert (causal.test[:, 1] == 0).all()
    assert (both.validation[1] > 0).all()


def test_a_table_without_programs_of_the_search_is_refused(project: Path, tmp_path: Path) -> None:
    write_programs(tmp_path / "found.jsonl", [program_record("text.uniform", author="imported")])
    with pytest.raises(UserError, match="has no program of the search; run `attention-programs reproduce`"):
        read_pool(tmp_path / "found.jsonl")


def test_damaged_or_missing_scores_are_named(compared: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `attention-programs compare-models`"):
        read_scores(tmp_path / "missing.npz")
    scores = read_scores(scores_path(compared, "tiny-llama", "tiny-llama"))
    write_scores(tmp_path / "cut.npz", scores)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:100])
    with pytest.raises(UserError, match="cannot read"):
        read_scores(tmp_path / "cut.npz")
