"""End to end on a tiny random model: every stage, publishing, and looking at what came out."""

import json
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from rocrate.rocrate import ROCrate

from attention_programs import cli
from attention_programs.corpora.text import read_texts
from attention_programs.crate.archive import read_crate
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_json, read_jsonl
from attention_programs.models.model_record import read_record
from attention_programs.paths import Paths
from attention_programs.programs.record import read_programs
from attention_programs.project.folder import make_project
from attention_programs.provenance.subject import trace
from attention_programs.provenance.verification import verify
from attention_programs.surrogate.head_rankings import percent_of
from attention_programs.surrogate.surrogate import load_surrogate
from attention_programs.tracking.lookup import surrogate_info
from attention_programs.tracking.mlflow_store import EXPERIMENT, open_store
from conftest import ROOT, tiny_model
from shared_data import dvc, git, push_and_pull
from tiny_project import STAGES, made, make_copy, publish_at, run_stages, settings

VALIDATOR = ROOT / ".cache/crate-validator/bin/python"
"""An environment of its own; see ``tests/crate_validation.py``."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy after every stage, recorded by DVC and published."""
    root = make_copy(tmp_path_factory.mktemp("smoke") / "repository")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    run_stages(root)
    dvc(root, "commit", "--force", "dvc.yaml")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Results")
    publish_at(root)
    return root


@pytest.fixture
def paths(project: Path) -> Paths:
    return Paths.of(settings(project), project)


def test_stages_wrote_exactly_what_dvc_expects(project: Path) -> None:
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert tuple(stages) == STAGES
    assert "up to date" in dvc(project, "status", "dvc.yaml")
    outputs = [out if isinstance(out, str) else next(iter(out)) for stage in stages.values() for out in stage["outs"]]
    names = [out.replace("${profile}", "tiny").replace("${model.name}", "tiny-llama") for out in outputs]
    for file in made(project):
        assert any(file == name or file.startswith(name + "/") for name in names), f"no stage names {file}"


@pytest.mark.slow
def test_a_folder_model_whose_files_changed_is_fetched_again(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "repository", symlinks=True)
    before = read_record(root / "models/tiny-llama")
    assert "up to date" in dvc(root, "status", "model")
    other = tiny_model("llama").model.float()
    changed = {name: 2 * value if "embed" in name else value for name, value in other.state_dict().items()}
    other.save_pretrained(root / "tiny", state_dict=changed)
    dvc(root, "repro", "model")
    after = read_record(root / "models/tiny-llama")
    assert after.weights_sha256 not in ("", before.weights_sha256)
    assert "up to date" in dvc(root, "status", "model")


@pytest.mark.slow
def test_a_second_run_elsewhere_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    again = make_copy(tmp_path / "another" / "place")
    run_stages(again)
    first, second = made(project), made(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    for name, content in first.items():
        assert str(project).encode() not in content, f"{name} holds an absolute path"


@pytest.mark.parametrize("patterns", [True, False], ids=["with patterns", "without patterns"])
@pytest.mark.slow
def test_a_clone_that_pulls_has_nothing_to_run(project: Path, tmp_path: Path, patterns: bool) -> None:
    sender, clone = shutil.copytree(project, tmp_path / "sender", symlinks=True), tmp_path / "clone"
    push_and_pull(sender, tmp_path / "remote", clone, patterns)
    said = dvc(clone, "repro", *([] if patterns else ["--allow-missing"]))
    assert re.findall("Stage '([a-z]+)' didn't change, skipping", said) == list(STAGES)
    assert "Running stage" not in said
    expected = {name: content for name, content in made(project).items() if patterns or "/attention/" not in name}
    assert made(clone) == expected


def test_the_summary_holds_every_kind_of_number(paths: Paths) -> None:
    summary = read_json(paths.results / "summary.json")
    for key in (
        "iou/test/stories/search", "iou/test/all/first_token", "iou/test/code/sink_self", "iou/test/all/selected/low",
        "sink_excluded_iou/test/all/selected", "jsd/test/mathematics/curated", "perplexity/test/original",
        "perplexity_increase/test/selected/ablation_effect/100",
        "perplexity_increase/test/uniform/ablation_effect/25/high",
        "perplexity_increase/test/selected/iterative_fisher/25", "objective/output_kl_loss/25/iou_test",
        "qa/story_continuation/100", "analysis/selected/all/iou", "analysis/terms/2/all/iou/low",
        "length/16/selected/iou", "sharing/programs_for_95_percent",
    ):  # fmt: skip
        assert isinstance(summary[key], float), key
    assert summary["perplexity_increase/test/selected/iou/0"] == 0
    assert 0 < summary["iou/test/all/selected"] < 1
    # Random programs fit a random model worse than programs that were chosen for it.
    assert summary["iou/test/all/selected"] > summary["iou/test/all/random_token"]


def test_tables_hold_every_head_and_share(paths: Paths) -> None:
    heads = read_csv(paths.results / "heads.csv")
    studied = ["L0H0", "L0H3", "L1H2", "L2H1"]
    for method in ("selected", "search", "curated", "first_token", "uniform", "random_token", "random_column",
                   "self_token", "previous_token", "sink_self"):  # fmt: skip
        assert heads[heads["method"] == method]["head"].tolist() == studied
    assert sorted(read_csv(paths.results / "ablation_effect.csv")["head"]) == studied
    curve = read_csv(paths.results / "perplexity.csv")
    assert set(curve["programs"]) == {"distilled", "selected", "first_token", "uniform"}
    assert set(curve["ranking"]) == {"iou", "ablation_effect", "fisher", "iterative_fisher", "joint_ablation"}
    choice = read_csv(paths.results / "ranking_choice.csv")
    assert set(curve.loc[curve["programs"] == "distilled", "ranking"]) == set(choice.loc[choice["chosen"], "ranking"])
    steps = read_csv(paths.results / "distillation.csv").groupby("percent")["training"].count()
    assert steps.to_dict() == {25: 2, 100: 5}
    assert Counter(percent_of(program) for program in read_programs(paths.distilled)) == {25: 1, 100: 4}
    assert sorted(set(curve["heads_replaced"])) == [0, 1, 2, 4]
    ids = {program.id for program in read_programs(paths.programs)}
    assert set(heads["program_id"]) <= ids
    counts = read_json(paths.results / "corpora.json")
    assert counts == {name: {"train": 6, "validation": 6, "test": 6} for name in ("stories", "code", "mathematics")}
    assert len(read_texts(paths.texts)) == 54


def test_a_program_by_hand_is_compared_with_one_of_the_search_as_long(paths: Paths) -> None:
    (longer,) = read_programs(paths.equal_size)
    assert (longer.author, longer.intended_heads) == ("search", ["L2H1"])
    assert longer.id not in {program.id for program in read_programs(paths.programs)}
    (row,) = read_csv(paths.results / "equal_size.csv").to_dict("records")
    assert (row["head"], row["terms_by_hand"]) == ("L2H1", 5)
    assert row["terms_of_search"] <= 3
    assert row["terms_equal_size"] <= 5  # coefficients that are rounded to 0 are left out
    heads = read_csv(paths.results / "heads.csv").set_index(["method", "head"])["iou_test"]
    assert row["iou_of_search"] == pytest.approx(heads["search", "L2H1"], abs=1e-4)
    assert row["iou_equal_size"] > row["iou_by_hand"] > 0


def test_programs_of_unknown_origin_are_scored_from_the_sandbox(paths: Paths) -> None:
    heads = read_csv(paths.results / "heads.csv")
    assert set(heads[heads["method"] == "imported"]["program_name"]) <= {"mine", "peeks"}
    found = read_json(paths.results / "synthesis.json")
    assert found["candidates"]["by_reason"]["exception"] == found["candidates"]["by_reason"]["looks ahead"] == 1
    assert (found["candidates"]["accepted"], found["candidates"]["rejected"]) == (2, 1)
    assert found["sandbox"] == read_json(paths.results / "scoring.json")["sandbox"] == "strong"
    assert {p.name: p.prefix_test for p in read_programs(paths.programs) if p.author == "imported"} == {
        "mine": "prefix_only",
        "peeks": "looks_ahead",
    }
    (rejected,) = [row for row in read_jsonl(paths.rejected) if row["author"] == "imported"]
    assert (rejected["name"], rejected["reason"]) == ("fails", "exception")
    assert "ZeroDivisionError: division by zero (line 3" in rejected["message"]
    assert not paths.outcomes.exists()


def test_the_shipped_exchanges_are_replayed(paths: Paths) -> None:
    counts = read_json(paths.results / "synthesis.json")["explainer"]
    assert (counts["heads_asked"], counts["prompts"]) == (2, 4)
    assert counts["prompts_reproduced_verbatim"] == 0  # they were recorded on another model
    written = [p for p in read_programs(paths.programs) if p.author == "llm"]
    assert len(written) == counts["programs"]
    assert written
    for record in written:
        assert record.provenance["served_by"]["file_sha256"].startswith("cc324af0")
        assert set(record.provenance["calls"]) == set(record.intended_heads) <= {"L0H0", "L0H3"}
    sources = read_csv(paths.results / "sources.csv").set_index("source")
    assert {"search", "curated", "llm", "llm_written", "imported"} <= set(sources.index)
    assert sources.loc["llm", "heads_intended"] <= 2
    assert read_csv(paths.results / "explainer.csv")["head"].tolist() == ["L0H0", "L0H3"]


def test_programs_of_a_language_model_are_published_with_what_was_said(project: Path, paths: Paths) -> None:
    written = {p.id for p in read_programs(paths.programs) if p.author == "llm"}
    with open_store(project) as store:
        runs = store.runs(store.experiment(EXPERIMENT), "tags.author = 'llm'")
        assert {run.data.tags["program_id"] for run in runs} == written
        for run in runs:
            folder = store.folder(run.info.artifact_uri)
            assert list((folder / "prompts").glob("L0H*-round-*.md"))
            assert list((folder / "replies").glob("L0H*-round-*.md"))
            assert run.data.metrics["prompt_tokens"] > 1000
            assert 0 <= run.data.metrics["iou_train"] <= 1
        prompts = [prompt.name for prompt in store.client.search_prompts()]
    assert {"attention-programs.system", "attention-programs.synthesize", "attention-programs.refine"} <= set(prompts)


def test_the_registered_surrogate_loads_and_speaks(paths: Paths) -> None:
    import torch

    with load_surrogate(paths.data / "surrogate.json", paths.model, verify=True) as surrogate:
        assert len(surrogate.assignment) == 1
        ids = torch.tensor([surrogate.loaded.encode("The two frogs", 10)])
        spoken = surrogate.model.generate(ids, max_new_tokens=5, do_sample=False)
    assert spoken.shape[1] == ids.shape[1] + 5


def test_publishing_again_adds_nothing(project: Path) -> None:
    def contents() -> list[str]:
        with open_store(project) as store:
            runs = store.client.search_runs(["1"], max_results=1000)
            versions = store.client.search_model_versions()
            return sorted([run.info.run_id for run in runs] + [f"{v.name}/{v.version}" for v in versions])

    before = contents()
    first = publish_at(project)
    assert contents() == before
    assert publish_at(project) == first
    assert first.version == "1"
    assert first.programs > 0


def things(root: Path) -> dict[str, str]:
    """A thing of each kind that can be traced."""
    programs = read_programs(Paths.of(settings(root), root).programs)
    with open_store(root) as store:
        runs = {run.data.tags["kind"]: run.info.run_id for run in store.runs(store.experiment(EXPERIMENT), "")}
    return {
        "number": "perplexity_increase/test/selected/ablation_effect/100",
        "head": "L1H2",
        "program": next(program.id for program in programs if program.author == "llm"),
        "name of a program": "mine",
        "table": "results/tiny/heads.csv",
        "figure": "results/tiny/figures/perplexity.png",
        "data": "data/tiny/attention",
        "report": "reports/tiny",
        "run": runs["profile"],
        "run of a program": runs["program"],
        "surrogate": "tiny/1",
    }


def test_things_of_every_kind_are_traced_and_verified(project: Path) -> None:
    for kind, thing in things(project).items():
        record = trace(thing, "tiny", project, project)
        assert {"lock file", "commit", "packages", "texts", "weights"} <= {n.kind for n in record.nodes.values()}, kind
        found = verify(record)
        found.require()
        assert {finding.status for finding in found.findings.values()} == {"verified"}, kind
    llm = trace(things(project)["program"], "tiny", project, project)
    assert {"prompt", "reply", "template"} <= {node.kind for node in llm.nodes.values()}


def test_one_changed_byte_of_an_input_is_found_behind_things_of_every_kind(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "repository", symlinks=True)
    stories = root / "corpora" / "stories.jsonl"
    stories.write_bytes(stories.read_bytes().replace(b"a", b"e", 1))
    for thing in things(root).values():
        with pytest.raises(UserError, match="file corpora is not as recorded"):
            verify(trace(thing, "tiny", root, root)).require()


def test_what_is_in_mlflow_is_verified_without_the_project_s_data(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "repository", symlinks=True)
    for folder in ("data", "models", "reports", "results"):
        shutil.rmtree(root / folder)
    known = things(project)
    for kind in ("run", "run of a program", "surrogate"):
        found = verify(trace(known[kind], "tiny", root, root))
        found.require()
        by_name = {found.record.nodes[key].name: each.status for key, each in found.findings.items()}
        assert by_name["results/tiny/heads.csv"] == "verified"
        assert by_name["data/tiny/texts.jsonl"] == by_name["models/tiny-llama"] == "unverified"
    with open_store(root) as store:
        (run,) = store.runs(store.experiment(EXPERIMENT), "tags.kind = 'profile'")
        table = store.folder(run.info.artifact_uri) / "results" / "heads.csv"
    table.write_bytes(table.read_bytes() + b"\n")
    with pytest.raises(UserError, match=r"table results/tiny/heads.csv is not as recorded"):
        verify(trace("tiny/1", "tiny", root, root)).require()


@pytest.fixture(scope="module")
def crate(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crate") / "surrogate.zip"
    assert cli.main(["export", "surrogate", "tiny@latest-validated", str(path), "--project", str(project)]) == 0
    return path


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    return path


def another_project(project: Path, folder: Path) -> Path:
    """A new one, which has the weights, as a model of a folder can't be fetched elsewhere."""
    make_project(folder)
    shutil.copytree(project / "models", folder / "models")
    return folder


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="`make test` makes the validator's environment")
@pytest.mark.slow
def test_a_crate_meets_every_requirement(crate: Path, tmp_path: Path) -> None:
    def lacks(path: Path) -> str:
        command = [VALIDATOR, ROOT / "tests/crate_validation.py", path, "ro-crate-1.2", "workflow-run-crate"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert lacks(crate) == ""
    files = dict(read_crate(crate).files)
    metadata = json.loads(files["ro-crate-metadata.json"])
    for entity in metadata["@graph"]:
        entity.pop("license", None)
        entity.pop("instrument", None)
    poorer = write_zip(tmp_path / "poorer.zip", files | {"ro-crate-metadata.json": json.dumps(metadata).encode()})
    assert "MUST have an instrument property" in lacks(poorer)


def test_a_crate_is_read_by_other_software(project: Path, crate: Path, tmp_path: Path) -> None:
    read = ROCrate(crate)
    assert read.mainEntity.id == "dvc.yaml"
    stages = [entity for entity in read.contextual_entities if "prov:Activity" in entity.type]
    assert {entity["name"] for entity in stages} == {f"stage {name}" for name in STAGES}
    assert "| L" in zipfile.ZipFile(crate).read("README.md").decode()
    again = tmp_path / "again.zip"
    assert cli.main(["export", "surrogate", "tiny/1", str(again), "--project", str(project)]) == 0
    assert again.read_bytes() == crate.read_bytes()


def test_a_crate_is_registered_in_another_project(
    project: Path, crate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = another_project(project, tmp_path / "other")
    assert cli.main(["import", str(crate), "--project", str(other)]) == 0
    said = capsys.readouterr().out
    assert "recorded test texts measured again" in said
    assert "surrogate-tiny version 1" in said
    before, after = (surrogate_info("tiny", root) for root in (project, other))
    assert (before.tags, before.aliases, before.description) == (after.tags, after.aliases, after.description)
    assert before.assignment == after.assignment
    found = verify(trace("tiny/1", "tiny", other, other))
    found.require()
    assert {"verified", "unverified"} == {finding.status for finding in found.findings.values()}
    assert cli.main(["import", str(crate), "--project", str(other)]) == 0
    assert "was registered before; nothing added" in capsys.readouterr().out


def test_a_crate_whose_losses_are_not_found_again_is_not_registered(
    project: Path, crate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, changed = another_project(project, tmp_path / "other"), tmp_path / "changed.zip"
    files = dict(read_crate(crate).files)
    surrogate = json.loads(files["surrogate.json"])
    surrogate["recorded"]["texts"][0]["replaced"] += 10
    files["surrogate.json"] = json.dumps(surrogate).encode()
    metadata = json.loads(files["ro-crate-metadata.json"])
    for entity in metadata["@graph"]:
        if entity["@id"] == "surrogate.json":
            entity["sha256"] = sha256(files["surrogate.json"]).hexdigest()
    files["ro-crate-metadata.json"] = json.dumps(metadata).encode()
    write_zip(changed, files)
    assert cli.main(["import", str(changed), "--project", str(other)]) == 2
    assert "summed loss" in capsys.readouterr().err
    assert not (other / "mlruns/mlflow.db").exists()


def test_the_report_needs_nothing_else(paths: Paths) -> None:
    page = (paths.report / "report.html").read_text(encoding="utf-8")
    assert len(page) > 20_000
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert not re.search(r"""@import|url\(\s*["']?(?:https?:)?//""", page)
    for word in ("L0H3", "tiny-llama", "def program(text)"):
        assert word in page
    assert list((paths.report / "figures").glob("*.png"))


def test_a_head_can_be_looked_at(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--project", str(project)]
    assert cli.main(["show", "L1H2", *where]) == 0
    assert "def program(text)" in capsys.readouterr().out
    assert cli.main(["heads", "--sort", "iou", *where]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert cli.main(["validate", *where]) == 0
    assert cli.main(["surrogate", "info", "tiny/1", *where]) == 0
    text = capsys.readouterr().out
    assert "surrogate-tiny version 1" in text
    assert "1 heads replaced" in text


def test_every_file_of_results_is_small_and_plain(paths: Paths) -> None:
    for path in paths.results.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    for path in paths.results.rglob("*.csv"):
        assert "-0.000000" not in path.read_text(encoding="utf-8")
