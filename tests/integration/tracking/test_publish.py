"""Publishing to a real MLflow store and loading from it, on a small repository with a tiny random model."""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import sqlalchemy
import yaml

from attention_programs import cli
from attention_programs.config import Config, load_config
from attention_programs.corpora.text import text_key
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_json, read_yaml, write_csv, write_json, write_text
from attention_programs.models.loading import load_model
from attention_programs.models.model_record import weights_hash
from attention_programs.paths import Paths
from attention_programs.programs.record import make_record, read_programs, write_programs
from attention_programs.project.reproduction import compose, profiles
from attention_programs.surrogate.losses import text_losses
from attention_programs.surrogate.rankings import RANKINGS
from attention_programs.surrogate.specification import SurrogateSpecification, read_specification
from attention_programs.tracking import publish as publishing
from attention_programs.tracking.addresses import ROOT_VARIABLE
from attention_programs.tracking.lineage import dvc_hash, read_lineage
from attention_programs.tracking.lookup import ALIAS, DATABASE, surrogate_info
from attention_programs.tracking.mlflow_store import EXPERIMENT, Store, open_store
from attention_programs.tracking.model_card import read_validation
from attention_programs.tracking.model_registry import load_surrogate
from attention_programs.tracking.runs import logged_programs
from conftest import ROOT, SENTENCES
from small_project import (
    PARAMS,
    SELECTED,
    exit_code,
    lock,
    make_programs,
    make_repository,
    publish_at,
    start,
    write_params,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published repository, which no test changes."""
    root = make_repository(tmp_path_factory.mktemp("template") / "repository")
    publish_at(root)
    return root


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """A copy of the published repository, in another place."""
    return shutil.copytree(template, tmp_path / "copy")


def contents(root: Path) -> dict[str, Any]:
    """Everything in the store that somebody could see."""
    with open_store(root) as store:
        runs = all_runs(store)
        return {
            "runs": {run.info.run_id: run.to_dictionary() for run in runs},
            "versions": [dict(version) for version in store.client.search_model_versions()],
            "models": [model.model_id for model in store.client.search_logged_models(["1"])],
            "files": sorted(str(path.relative_to(root)) for path in (root / "mlruns/artifacts").rglob("*")),
        }


def all_runs(store: Store) -> list[Any]:
    return store.runs("1", "")


def parent_and_children(store: Store) -> tuple[Any, dict[str, Any]]:
    runs = all_runs(store)
    (parent,) = [run for run in runs if run.data.tags["kind"] == "profile"]
    children = [run for run in runs if run.data.tags["kind"] == "program"]
    assert all(child.data.tags["mlflow.parentRunId"] == parent.info.run_id for child in children)
    return parent, {child.info.run_name: child for child in children}


def test_profile_run_holds_params_metrics_data_sets_files_and_the_way_back(template: Path) -> None:
    with open_store(template) as store:
        parent, _ = parent_and_children(store)
        data = parent.data
        assert parent.info.status == "FINISHED"
        assert data.params["attention.max_tokens"] == "24"
        assert data.params["corpora.sources.1.location"] == "corpora/code.jsonl"
        assert data.params["replacement.percents"] == "0, 25, 100"
        assert data.metrics["iou/test/all/selected"] == 0.61
        history = store.client.get_metric_history(parent.info.run_id, "perplexity_increase/distilled")
        table = read_csv(template / "results/tiny-llama/perplexity.csv")
        rows = table[(table["programs"] == "distilled") & (table["ranking"] == "ablation_effect")]
        assert {m.step: m.value for m in history} == dict(zip(rows["percent"], rows["increase"], strict=True))
        accuracy = store.client.get_metric_history(parent.info.run_id, "qa/story_continuation")
        assert sorted((m.step, m.value) for m in accuracy) == [(0, 0.6), (25, 0.6)]
        digests = {inputs.dataset.name: inputs.dataset.digest for inputs in parent.inputs.dataset_inputs}
        assert digests == {
            "texts": dvc_hash(template / "data/tiny-llama/texts.jsonl"),
            "programs": dvc_hash(template / "data/tiny-llama/programs.jsonl"),
        }
        assert data.tags["dvc/data/tiny-llama/attention"] == dvc_hash(template / "data/tiny-llama/attention")
        assert data.tags["weights_sha256"] == weights_hash(template / "models/tiny-llama")
        assert "dvc/library" not in data.tags
        files = [file.path for file in store.client.list_artifacts(parent.info.run_id)]
        assert files == ["dvc.lock", "dvc.yaml", "params.yaml", "reports", "requirements.lock", "results"]
        figures = store.client.list_artifacts(parent.info.run_id, "reports/figures")
        assert [file.path for file in figures] == ["reports/figures/heads.png"]


def test_one_run_a_selected_program_with_the_numbers_of_the_table(template: Path) -> None:
    programs = {program.name: program for program in read_programs(template / "data/tiny-llama/programs.jsonl")}
    table = read_csv(template / "results/tiny-llama/heads.csv")
    selected = table[table["method"] == "selected"]
    with open_store(template) as store:
        parent, children = parent_and_children(store)
        assert set(children) == set(SELECTED.values())
        for name, child in children.items():
            rows = selected[selected["program_name"] == name]
            for column in ("iou_validation", "iou_test", "iou_test_low", "sink_excluded_iou_test", "jsd_test"):
                assert child.data.metrics[column] == pytest.approx(rows[column].mean(), abs=1e-12)
            assert child.data.metrics["nodes"] == programs[name].nodes
            assert child.data.tags["heads"] == " ".join(rows["head"])
            assert child.data.tags["program_id"] == programs[name].id
            assert child.data.tags["content_key"] == parent.data.tags["content_key"]
            assert child.info.status == "FINISHED"
            folder = Path(store.client.download_artifacts(child.info.run_id, ""))
            assert (folder / "program.py").read_text() == programs[name].source
            assert len(read_csv(folder / "heads.csv")) == len(rows)
            assert (folder / "prompt.md").is_file() == (name == "search L0H1")
        assert children["previous_token"].data.metrics["heads"] == 2


def test_programs_written_from_a_prompt_are_logged_even_if_no_head_has_them(repository: Path) -> None:
    paths = Paths.of(load_config(repository / "params.yaml"), repository)
    source = 'def program(text):\n    """Looks two back."""\n    return {} * text.offset(2)\n'
    prompted = make_record(source.format(1), "curated L0H0", "curated", "prefix_only", ["L0H0"], {"prompt": "Explain."})
    unprompted = make_record(source.format(2), "two_back", "curated", "prefix_only", [], {})
    write_programs(paths.programs, [*make_programs(), prompted, unprompted])
    rows = {program.name: len(rows) for program, rows in logged_programs(paths)}
    assert rows == {"previous_token": 2, "search L0H1": 1, "search L1H2": 1, "curated L0H0": 0}


def test_second_publish_changes_nothing(repository: Path) -> None:
    before = contents(repository)
    first = publish_at(repository)
    assert publish_at(repository) == first
    assert first.programs == 3
    assert contents(repository) == before


def test_settings_profiles_and_models_are_compared_in_one_experiment(repository: Path) -> None:
    first = publish_at(repository)
    write_params(repository, tracking={"gate_percent": 25, "gate_increase": 14.0})
    second = publish_at(repository)
    for folder in ("models", "data", "results", "reports"):
        shutil.copytree(repository / folder / "tiny-llama", repository / folder / "other")
    for file in ("models/other/model.json", "data/other/surrogate.json"):
        write_text(repository / file, (repository / file).read_text().replace("tiny-llama", "other"))
    curve = read_csv(repository / "results/other/perplexity.csv")
    write_csv(repository / "results/other/perplexity.csv", curve.replace({"ranking": {"ablation_effect": "fisher"}}))
    surrogate = repository / "data/other/surrogate.json"
    write_json(surrogate, read_json(surrogate) | {"ranking": "fisher"})
    lock(repository, "other")
    write_params(repository, profile="other", model=PARAMS["model"] | {"name": "other"})
    third = publish_at(repository)
    assert len({first.run_id, second.run_id, third.run_id}) == 3
    assert {published.experiment_id for published in (first, second, third)} == {"1"}
    with open_store(repository) as store:
        one, two, other = (store.client.get_run(published.run_id).data for published in (first, second, third))
    assert [data.tags["model"] for data in (one, two, other)] == ["tiny-llama", "tiny-llama", "other"]
    assert [data.tags["ranking"] for data in (one, two, other)] == ["ablation_effect", "ablation_effect", "fisher"]
    assert (one.params["tracking.gate_increase"], two.params["tracking.gate_increase"]) == ("15.0", "14.0")
    assert set(one.metrics) == set(two.metrics) == set(other.metrics) >= {"perplexity/distilled"}
    assert surrogate_info("tiny-llama", repository).version == "2"
    assert surrogate_info("other", repository).version == "1"
    assert publish_at(repository) == third


def test_a_store_with_an_experiment_a_model_keeps_working(repository: Path) -> None:
    """As earlier versions left it: the same content is then published once in the common experiment, too."""
    before = surrogate_info("tiny-llama", repository)
    with open_store(repository) as store:
        store.client.rename_experiment(store.experiment(EXPERIMENT), "tiny-llama")
    assert surrogate_info("tiny-llama", repository) == before
    published = publish_at(repository)
    assert (published.experiment_id, published.version) == ("2", "2")
    assert publish_at(repository) == published
    assert load_surrogate("tiny-llama/1", repository).specification is not None
    with open_store(repository) as store:
        assert store.client.get_run(before.run_id).info.lifecycle_stage == "active"
        store.client.delete_model_version("surrogate-tiny-llama", published.version)
    iterative = publish_at(repository)
    assert (iterative.version, iterative.run_id != published.run_id) == ("3", True)
    assert surrogate_info("tiny-llama/1", repository).run_id == before.run_id


def publish_until(root: Path, function: str) -> None:
    """Publishes, and ends the process without any ado when ``function`` returns for the first time."""
    original = getattr(publishing, function)
    setattr(publishing, function, lambda *arguments: (original(*arguments), os._exit(9)))
    publish_at(root)


@pytest.mark.parametrize(
    ("function", "left", "limit", "after"),
    [
        ("log_program", (6, 1, 1), 14.0, (8, 2, 2)),  # after the first program; then the same content again
        ("register", (8, 2, 2), 14.0, (8, 2, 2)),  # after everything was written
        ("register", (8, 2, 2), 2.5, (12, 3, 3)),  # then a content that fails the gate: both are kept
    ],
)
@pytest.mark.slow
def test_killed_publish_is_repaired(
    repository: Path, function: str, left: tuple[int, int, int], limit: float, after: tuple[int, int, int]
) -> None:
    def counts(found: dict[str, Any]) -> tuple[int, int, int]:
        return len(found["runs"]), len(found["models"]), len(found["versions"])

    write_params(repository, tracking={"gate_percent": 25, "gate_increase": 14.0})
    assert exit_code(start(lambda: publish_until(repository, function))) == 9
    half = contents(repository)
    assert [run["info"]["status"] for run in half["runs"].values()].count("RUNNING") == 1
    assert counts(half) == left
    write_params(repository, tracking={"gate_percent": 25, "gate_increase": limit})
    published = publish_at(repository)
    whole = contents(repository)
    assert counts(whole) == after
    assert {run["info"]["status"] for run in whole["runs"].values()} == {"FINISHED"}
    folders = {path.split("/")[3] for path in whole["files"] if path.count("/") == 3}
    assert folders == {*whole["runs"], "models"}
    assert surrogate_info("tiny-llama", repository).version == "2"
    assert published == publish_at(repository)


def test_failing_gate_registers_without_the_alias_and_says_why(repository: Path) -> None:
    write_params(repository, tracking={"gate_percent": 25, "gate_increase": 2.5})
    published = publish_at(repository)
    assert (published.version, published.alias) == ("2", "")
    assert published.gate == (
        "failed: with 25 % of heads replaced, validation perplexity rises by 7.00 % (95 % interval 6.00 to 8.00 %, 40 "
        "texts); the upper bound is above the limit of 2.5 %"
    )
    failed = surrogate_info("tiny-llama/2", repository)
    assert failed.tags["gate"] == published.gate
    assert published.gate in failed.description
    assert failed.aliases == ()
    assert surrogate_info("tiny-llama", repository).version == "1"


def test_the_gate_is_held_to_the_upper_bound(repository: Path) -> None:
    write_params(repository, tracking={"gate_percent": 25, "gate_increase": 7.5})  # between estimate and upper end
    published = publish_at(repository)
    assert (published.alias, published.gate.split(":")[0]) == ("", "failed")


@pytest.mark.parametrize("ranking", RANKINGS)
def test_every_ranking_is_named_in_the_description(template: Path, ranking: str) -> None:
    validation = replace(read_validation(*validated(template)), ranking=ranking)
    assert f"those {RANKINGS[ranking].heads}" in validation.description


def test_a_surrogate_that_was_asked_nothing_says_so(template: Path) -> None:
    assert (
        "Question answering was not measured." in replace(read_validation(*validated(template)), tasks=()).description
    )


def validated(root: Path) -> tuple[Config, Paths, SurrogateSpecification]:
    config = load_config(root / "params.yaml")
    paths = Paths.of(config, root)
    return config, paths, read_specification(paths.data / "surrogate.json")


def test_version_carries_numbers_and_the_way_back(template: Path) -> None:
    info = surrogate_info(f"surrogate-tiny-llama@{ALIAS}", template)
    assert info.aliases == (ALIAS,)
    assert {head: program.name for head, program in info.assignment.items()} == dict(list(SELECTED.items())[:3])
    wanted = {"ranking": "ablation_effect", "percent": "25", "heads_replaced": "3", "perplexity_increase": "8.0"}
    assert wanted.items() <= info.tags.items()
    assert (info.tags["perplexity_increase_low"], info.tags["qa/story_continuation"]) == ("7.0", "0.6")
    assert info.tags["weights_sha256"] == weights_hash(template / "models/tiny-llama")
    assert "That is 8.00 % above the original model's (95 % interval 7.00 to 9.00)." in info.description
    assert "validation perplexity rises by 7.00 %" in info.description
    assert "the upper bound is within the limit of 15 %" in info.description
    with open_store(template) as store:
        run = store.client.get_run(info.run_id)
        assert run.data.tags["content_key"] == info.tags["content_key"]
        model = store.client.get_logged_model(run.outputs.model_outputs[0].model_id)
        assert {m.key: m.value for m in model.metrics}["surrogate/perplexity_increase"] == 8.0


def test_moved_repository_lists_and_downloads(
    template: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = repository.rename(repository.with_name("moved"))
    monkeypatch.setenv(ROOT_VARIABLE, str(moved))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{moved / DATABASE}")
    client = mlflow.MlflowClient()
    run = surrogate_info("tiny-llama", moved).run_id
    assert [file.path for file in client.list_artifacts(run)][:2] == ["dvc.lock", "dvc.yaml"]
    path = Path(client.download_artifacts(run, "results/heads.csv"))
    assert path.read_bytes() == (template / "results/tiny-llama/heads.csv").read_bytes()
    assert (
        mlflow.artifacts.load_dict(f"models:/surrogate-tiny-llama@{ALIAS}/artifacts/validation.json")["percent"] == 25
    )
    assert publish_at(moved).run_id == run


def test_loaded_surrogate_measures_as_the_patched_model_does(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*SENTENCES, "T", "The cat sat. " * 20_000]
    patched = load_surrogate("tiny-llama", template)
    losses = text_losses(patched, texts, 24)
    original = text_losses(load_model(template / "models/tiny-llama"), texts, 24)
    assert abs(losses[0].loss_sum - original[0].loss_sum) > 1e-3
    assert patched.specification is not None
    assert patched.specification.percent == 25

    monkeypatch.chdir(template)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{DATABASE}")
    model = mlflow.pyfunc.load_model(f"models:/surrogate-tiny-llama@{ALIAS}")
    table = model.predict(pd.DataFrame({"text": texts}))
    assert list(table.columns) == ["text", "tokens_read", "truncated", "tokens", "loss", "perplexity"]
    assert table["tokens"].tolist() == [loss.tokens for loss in losses]
    assert (table["loss"] * table["tokens"]).fillna(0).tolist() == pytest.approx([loss.loss_sum for loss in losses])
    assert np.allclose(table["perplexity"], np.exp(table["loss"]), equal_nan=True)
    whole = [len(patched.loaded.own_tokens(text)) for text in texts]
    assert table["tokens_read"].tolist() == [min(tokens, 24) for tokens in whole]
    assert table["truncated"].tolist() == [tokens > 24 for tokens in whole]
    assert table["loss"].isna().tolist() == [text == "T" for text in texts]
    pd.testing.assert_frame_equal(model.predict(texts), table)
    pd.testing.assert_frame_equal(model.predict(pd.Series(texts)), table)
    assert model.predict(texts, params={"max_tokens": 5})["tokens"].max() == 4
    with pytest.raises(UserError, match="the input column is 'review'"):
        model.predict(pd.DataFrame({"review": texts}))


def test_a_registered_surrogate_is_measured_again(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_surrogate("tiny-llama", repository, verify=True).restore()
    monkeypatch.chdir(repository)
    assert cli.main(["surrogate", "info", "tiny-llama", "--verify"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(r"3 recorded test texts .* by (\S+) % \(recorded: (\S+) %\); no loss differs .*", said)
    assert found is not None
    assert found[1] == found[2] != "0.00"
    (stored,) = repository.glob("mlruns/artifacts/**/surrogate.json")
    specification = read_json(stored)
    specification["recorded"]["texts"][1]["replaced"] += 1
    write_json(stored, specification)
    assert cli.main(["surrogate", "info", "tiny-llama", "--verify"]) == 2
    assert f"recorded text {text_key(SENTENCES[2])} (stories): summed loss" in capsys.readouterr().err


def test_looking_a_surrogate_up_from_elsewhere_waits_for_no_torch(repository: Path, tmp_path: Path) -> None:
    look = (
        "import sys; from attention_programs.cli import main; "
        f"main(['surrogate', 'info', 'tiny-llama', '--project', {str(repository)!r}]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "heads replaced:" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_surrogate_without_its_weights_is_refused(repository: Path) -> None:
    record = read_json(repository / "models/tiny-llama/model.json")
    write_json(repository / "models/tiny-llama/model.json", record | {"weights_sha256": "0" * 64})
    with pytest.raises(UserError, match="weights"):
        load_surrogate("tiny-llama", repository)
    shutil.rmtree(repository / "models")
    with pytest.raises(UserError, match="does not exist, but the surrogate needs the weights of tiny-llama"):
        load_surrogate("tiny-llama", repository)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("gpt2", "no surrogate 'surrogate-gpt2' is registered; choose from surrogate-tiny-llama"),
        ("tiny-llama@best", "no alias 'best'; versions: 1; aliases: latest-validated"),
        ("tiny-llama/7", "no version 7; versions: 1"),
        ("tiny-llama@", "is not a surrogate's name; write NAME, NAME@ALIAS or NAME/VERSION"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(template: Path, reference: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        surrogate_info(reference, template)


def test_empty_store_names_the_command(tmp_path: Path, repository: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(UserError, match="nothing is published yet; run `attention-programs publish`"):
        surrogate_info("tiny-llama", bare)
    assert not list(bare.iterdir())
    with open_store(repository) as store:
        store.client.delete_registered_model("surrogate-tiny-llama")
    with pytest.raises(UserError, match="there are none yet; run `attention-programs publish`"):
        load_surrogate("tiny-llama", repository)


def test_what_the_lock_does_not_vouch_for_is_not_published(repository: Path) -> None:
    before = contents(repository)
    heads = repository / "results/tiny-llama/heads.csv"
    kept = heads.read_text()
    write_text(heads, kept.replace("0.", "0.9", 1))
    with pytest.raises(UserError, match=r"results/tiny-llama does not match dvc\.lock"):
        publish_at(repository)
    write_text(heads, kept)
    write_params(repository, attention={"max_tokens": 32})
    with pytest.raises(UserError, match="attention has changed since stage 'attention' ran"):
        publish_at(repository)
    write_params(repository, profile="other")
    with pytest.raises(UserError, match="no outputs of profile 'other'"):
        publish_at(repository)
    write_params(repository, tracking={"gate_percent": 100}, evaluation=PARAMS["evaluation"] | {"percents": [0, 100]})
    with pytest.raises(UserError, match=r"replaces 25 % of heads, but tracking\.gate_percent is 100"):
        publish_at(repository)
    write_params(repository)
    vouched = (repository / "dvc.lock").read_text()
    older = yaml.safe_load(vouched)
    older["stages"]["attention"]["deps"] = [{"path": "data/tiny-llama/texts.jsonl", "md5": "0" * 32}]
    write_text(repository / "dvc.lock", yaml.safe_dump(older))
    with pytest.raises(UserError, match=r"texts.jsonl has changed since stage 'attention' read it"):
        publish_at(repository)
    write_text(repository / "dvc.lock", vouched)
    (repository / "reports/tiny-llama/report.html").unlink()
    with pytest.raises(UserError, match=r"report.html does not exist; run `dvc repro`"):
        publish_at(repository)
    assert contents(repository) == before


@pytest.mark.parametrize("profile", profiles(ROOT))
def test_the_settings_that_dvc_locks_are_found_unchanged_in_every_profile(tmp_path: Path, profile: str) -> None:
    """Both files are written by DVC, as in a real run; what follows in ``publish`` is the same for all profiles."""
    from dvc.dependency.param import read_param_file
    from dvc.fs import localfs
    from dvc.utils.serialize import dump_yaml

    params = tmp_path / "params.yaml"
    compose(profile, params, ROOT)
    write_text(tmp_path / "requirements.lock", "mlflow==3.17.2\n")
    stages = {
        name: {
            "params": {"params.yaml": read_param_file(localfs, str(params), stage["params"], flatten=True)},
            "outs": [{"path": f"data/{read_yaml(params)['profile']}/{name}", "md5": "0" * 32}],
        }
        for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items()
    }
    dump_yaml(str(tmp_path / "dvc.lock"), {"schema": "2.0", "stages": stages})
    dump_yaml(str(tmp_path / "dvc.yaml"), {"stages": {key: {} for key in stages}})
    config = load_config(params)
    assert len(read_lineage(config, Paths.of(config, tmp_path), tmp_path).outputs) == len(stages)


def test_a_profile_without_a_language_model_and_without_questions_is_published(repository: Path) -> None:
    from dvc.utils.serialize import dump_yaml

    write_params(repository, explainer={"mode": "off"}, evaluation={"name": "none", "tasks": []})
    questions = repository / "results/tiny-llama/qa.csv"
    write_csv(questions, read_csv(questions).head(0))
    lock(repository)
    locked = read_yaml(repository / "dvc.lock")
    locked["stages"]["programs"]["params"] = {"params.yaml": {"explainer": {"mode": "off"}}}
    dump_yaml(str(repository / "dvc.lock"), locked)
    assert "mode: off\n" in (repository / "dvc.lock").read_text()
    assert publish_at(repository).version == "2"


def test_hash_is_that_of_dvc(tmp_path: Path) -> None:
    from dvc.repo import Repo

    for name in ("tables/b.csv", "tables/a/c.csv", "tables/a-b.csv", "one.json"):
        write_text(tmp_path / name, name)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        for path in ("tables", "one.json"):
            (stage,) = repo.add(str(tmp_path / path))
            assert stage.outs[0].hash_info.value == dvc_hash(tmp_path / path)


def make_store_until_killed(root: Path) -> None:
    """Begins a store, and kills its own process in the middle of the first change of MLflow's tables."""

    def kill(*arguments: Any) -> None:
        if arguments[2].lstrip().startswith("CREATE TABLE _alembic_tmp_experiments"):
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "after_cursor_execute", kill)
    with open_store(root, create=True):
        pass


def test_a_store_whose_making_was_killed_is_made_by_the_next(tmp_path: Path) -> None:
    assert exit_code(start(lambda: make_store_until_killed(tmp_path))) == -signal.SIGKILL
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "mlruns").iterdir()) == ["create.lock", "making"]
    (left,) = (tmp_path / "mlruns").glob("making-*/mlflow.db")
    elsewhere = tmp_path / "elsewhere"  # where it lies in the place of the store itself
    (elsewhere / DATABASE).parent.mkdir(parents=True)
    shutil.copyfile(left, elsewhere / DATABASE)
    for root in (tmp_path, elsewhere):
        with pytest.raises(UserError, match="nothing is published yet"):
            surrogate_info("tiny-llama", root)
        with open_store(root, create=True) as store:
            assert store.experiment("tiny") == "1"
        assert not list((root / "mlruns").glob("making-*"))
        with contextlib.closing(sqlite3.connect(root / DATABASE)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_store_that_is_no_database_is_named_and_kept(tmp_path: Path) -> None:
    write_text(tmp_path / DATABASE, "precious" * 100)
    for create in (False, True):
        with (
            pytest.raises(UserError, match=r"cannot read .*mlflow\.db \(file is not a database\); move it away"),
            open_store(tmp_path, create=create),
        ):
            pass
    assert (tmp_path / DATABASE).read_text() == "precious" * 100


def test_store_opens_from_two_processes_at_once_and_leaves_no_trace(tmp_path: Path) -> None:
    def make() -> None:
        with open_store(tmp_path, create=True):
            pass

    assert [exit_code(process) for process in [start(make), start(make)]] == [0, 0]
    before = (dict(os.environ), mlflow.is_tracking_uri_set())
    with open_store(tmp_path) as store:
        assert os.environ[ROOT_VARIABLE] == str(tmp_path)
        assert store.experiment("m") == store.experiment("m") == "1"
    assert (dict(os.environ), mlflow.is_tracking_uri_set()) == before


def test_commit_is_recorded_and_does_not_make_content_new(repository: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", "-C", str(repository), *who, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    config = load_config(repository / "params.yaml")
    paths = Paths.of(config, repository)
    assert read_lineage(config, paths, repository).git_commit == "none"
    git("init", "--quiet")
    git("add", "dvc.lock", "library")
    git("commit", "--quiet", "--message", "First")
    clean = read_lineage(config, paths, repository)
    assert (clean.git_commit, clean.git_changes) == (git("rev-parse", "HEAD"), False)
    write_text(repository / "library/a.py", "changed\n")
    changed = read_lineage(config, paths, repository)
    assert changed.git_changes
    assert changed.content_key == surrogate_info("tiny-llama", repository).tags["content_key"]


@pytest.mark.parametrize("linked", ["models", "models/tiny-llama", "results"])
def test_a_folder_may_be_a_link_to_another_disk(repository: Path, tmp_path: Path, linked: str) -> None:
    folder = repository / linked
    folder.symlink_to(folder.rename(tmp_path / "large disk"))
    write_params(repository, tracking={"gate_percent": 25, "gate_increase": 14.0})
    published = publish_at(repository)
    assert published.version == "2"
    info = surrogate_info("tiny-llama", repository)
    assert info.tags["dvc/models/tiny-llama"] == dvc_hash(repository / "models/tiny-llama")
    link = tmp_path / "link to all"
    link.symlink_to(repository)
    assert publish_at(link) == published
    assert load_surrogate("tiny-llama", link, verify=True).specification is not None


def test_repository_with_odd_letters_in_its_path(template: Path, tmp_path: Path) -> None:
    odd = shutil.copytree(template, tmp_path / "my köpie (100 %) & more")
    assert publish_at(odd) == publish_at(template)
    assert load_surrogate("tiny-llama", odd).specification is not None
