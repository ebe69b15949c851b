"""Settings: what is refused, how the message helps, and that every field says what it is."""

import ast
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import attention_programs.config
from attention_programs.config import AttentionSettings, Config, ExplainerSettings, from_mapping, load_config
from attention_programs.errors import UserError
from attention_programs.paths import Paths, project_root
from conftest import ROOT

Change = Callable[[dict[str, Any]], Any]


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return loaded


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def put(*keys: str | int, value: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def drop(*keys: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


def test_values_arrive_with_their_types(tmp_path: Path) -> None:
    content = values()
    content["attention"]["heads"] = ["L0H1", "L2H0"]
    content["tracking"]["gate_increase"] = 15
    content["corpora"]["sources"][0]["rows"] = [2, 9]
    config = load_config(write(tmp_path, content))
    assert config.attention.heads == ("L0H1", "L2H0")
    assert isinstance(config.tracking.gate_increase, float)
    assert config.corpora.sources[0].rows == (2, 9)
    assert config.corpora.sources[0].fields == ("text",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("atention", value={}), ["unknown key 'atention'", "did you mean 'attention'"]),
        (put("attention", "max_token", value=3), ["'attention.max_token'", "did you mean 'attention.max_tokens'"]),
        (
            put("corpora", "sources", 1, "feilds", value=["x"]),
            ["[1].feilds'", "did you mean", "[1].fields'"],
        ),
        (put("attention", 5, value=1), ["unknown key 'attention.5'", "did you mean"]),
        (put("attention", "max_tokens", value="64"), ["attention.max_tokens is '64'", "a valid integer"]),
        (put("attention", "max_tokens", value=64.0), ["max_tokens is 64.0", "a valid integer"]),
        (put("attention", "max_tokens", value=True), ["max_tokens is True", "a valid integer"]),
        (put("tracking", "gate_increase", value=False), ["gate_increase is False", "a valid number"]),
        (put("attention", "heads", value=5), ["attention.heads is 5", "such as L5H1"]),
        (put("attention", "heads", value=[1]), ["attention.heads is [1]", "such as L5H1"]),
        (put("attention", value=[1]), ["attention is [1]", "write a group of keys"]),
        (put("model", "source", value="ftp"), ["model.source is 'ftp'", "'wheel', 'hub', 'folder' or 'gguf'"]),
        (put("corpora", "sources", 0, "rows", value=[1]), ["key 'corpora.sources[0].rows[1]' is missing"]),
        (put("evaluation", "tasks", value="piqa"), ["evaluation.tasks is 'piqa'", "write a list"]),
        (drop("model"), ["key 'model' is missing"]),
        (drop("model", "location"), ["key 'model.location' is missing"]),
        (put("corpora", "test_share", value=0.8), ["1.0", "leave some for train"]),
        (put("corpora", "validation_share", value=0.0), ["validation_share"]),
        (put("corpora", "validation_share", value=-0.1), ["validation_share"]),
        (put("corpora", "validation_share", value=float("nan")), ["validation_share", "nan"]),
        (put("reproducibility", "absolute", value=float("inf")), ["absolute", "inf"]),
        (put("replacement", "percents", value=[0, 25, 101]), ["replacement.percents[2] is 101", "100 or less"]),
        (put("replacement", "percents", value=[-5, 25]), ["replacement.percents[0] is -5", "0 or more"]),
        (put("evaluation", "percents", value=[200]), ["evaluation.percents[0] is 200", "100 or less"]),
        (put("tracking", "gate_percent", value=33), ["33", "add it there"]),
        (put("distillation", "steps", value=[1, 2]), ["2 numbers for 3 percents", "one for each"]),
        (put("distillation", "percents", value=[50, 25, 100]), ["[50, 25, 100]", "ascending"]),
        (put("distillation", "percents", value=[10, 25, 50]), ["100 percent of heads", "add that number"]),
        (put("replacement", "corpus", value="poems"), ["'poems'", "all", "stories"]),
        (put("threads", value=0), ["threads is 0", "1 or more"]),
        (put("scoring", "memory_mib", value=0), ["scoring.memory_mib is 0", "1 or more"]),
        (put("attention", "max_tokens", value=1), ["attention.max_tokens is 1", "2 or more"]),
        (put("synthesis", "sizes", value=[3, 1]), ["synthesis.sizes[1] is 1", "2 or more"]),
        (put("synthesis", "shared", value=[0, 20]), ["synthesis.shared[0] is 0", "1 or more"]),
        (put("synthesis", "transfer_texts", value=-1), ["synthesis.transfer_texts is -1", "0 or more"]),
        (put("synthesis", "sample_texts", value=0), ["synthesis.sample_texts is 0", "1 or more"]),
        (put("synthesis", "fit_texts", value=-1), ["synthesis.fit_texts is -1", "0 or more"]),
        (put("synthesis", "spare_terms", value=0), ["synthesis.spare_terms is 0", "1 or more"]),
        (put("synthesis", "swap_rounds", value=-1), ["synthesis.swap_rounds is -1", "0 or more"]),
        (put("synthesis", "fine_tune_steps", value=-1), ["synthesis.fine_tune_steps is -1", "0 or more"]),
        (put("synthesis", "memory_mib", value=0), ["synthesis.memory_mib is 0", "1 or more"]),
        (put("distillation", "steps", value=[16, -1, 64]), ["distillation.steps[1] is -1", "0 or more"]),
        (put("attention", "heads", value=[]), ["attention.heads is []", "write all"]),
        (put("corpora", "limit", value=-1), ["corpora.limit is -1", "0 or more"]),
        (put("seed", value=-1), ["seed is -1", "0 or more"]),
        (put("corpora", "sources", value=[]), ["corpora.sources"]),
        (put("corpora", "sources", 1, "name", value="stories"), ["'stories'", "twice"]),
        (put("corpora", "sources", 0, "rows", value=[9, 2]), ["rows", "9"]),
        (put("corpora", "sources", 0, "rows", value=[9, 0]), ["rows", "9"]),
        (put("corpora", "sources", 0, "rows", value=[-9, 9]), ["rows", "-9"]),
        (put("explainer", "leave_out", value=["model"]), ["leave_out[0] is 'model'", "'temperature' or 'seed'"]),
        (put("explainer", "timeout_seconds", value=0), ["explainer.timeout_seconds is 0", "a number above 0"]),
        (put("sandbox", "memory_mib", value=63), ["sandbox.memory_mib is 63", "64 or more"]),
        (put("synthesis", "equal_size", value="yes"), ["equal_size is 'yes'", "a valid boolean"]),
        (put("synthesis", "ridge", value=0.0), ["synthesis.ridge is 0.0", "a number above 0"]),
        (put("profile", value=3), ["profile is 3", "a valid string"]),
        (put("profile", value="../elsewhere"), ["profile", "../elsewhere"]),
        (put("profile", value=""), ["profile", "''"]),
        (put("profile", value="models"), ["profile is 'models'", "give it another name"]),
        (put("model", "name", value="openai/gpt2"), ["model.name", "openai/gpt2"]),
    ],
)
def test_bad_settings_are_refused_with_value_and_place(tmp_path: Path, change: Change, words: list[str]) -> None:
    content = values()
    change(content)
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, content))
    message = str(caught.value)
    assert "\n" not in message
    assert "params.yaml" in message
    for word in words:
        assert word in message


def test_a_file_that_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("profile: x\nmodel: [1,\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml.*line 3.*not valid YAML"):
        load_config(path)
    with pytest.raises(UserError, match=r"nowhere\.yaml does not exist"):
        load_config(tmp_path / "nowhere.yaml")
    path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="not a group of keys"):
        load_config(path)


def test_settings_are_yaml_of_the_version_that_dvc_writes(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("mode: replay", "mode: off").replace("temperature: 0.5", "temperature: 1e-3"))
    explainer = load_config(path).explainer
    assert (explainer.mode, explainer.temperature) == ("off", 0.001)
    for bad, words in (
        ("a: 1\na: 2\n", r"params\.yaml, line 2: not valid YAML \(found duplicate key"),
        ("a: 2020-13-45\n", r"params\.yaml: not valid YAML \(month"),
        ("a: \0\n", r"params\.yaml: not valid YAML \(unacceptable character"),
    ):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(UserError, match=words) as caught:
            load_config(path)
        assert "\n" not in str(caught.value)


def test_settings_are_checked_however_they_are_made() -> None:
    with pytest.raises(UserError, match=r"^ExplainerSettings: temperature is -1; write 0\.0 or more$"):
        ExplainerSettings(temperature=-1)
    with pytest.raises(UserError, match=r"^AttentionSettings: unknown key 'max_token'; did you mean 'max_tokens'"):
        AttentionSettings(max_token=3)  # type: ignore[call-arg]
    with pytest.raises(UserError, match=r"^AttentionSettings: max_tokens is True; it should be a valid integer"):
        dataclasses.replace(AttentionSettings(), max_tokens=True)
    config = load_config(ROOT / "params.yaml")
    with pytest.raises(UserError, match=r"^Config: tracking\.gate_percent is 33, which is not in"):
        dataclasses.replace(config, tracking=dataclasses.replace(config.tracking, gate_percent=33))
    assert hash(config) == hash(pickle.loads(pickle.dumps(config)))


def test_reading_settings_is_quick() -> None:
    words = "import sys, attention_programs.config; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "transformers", "pandas", "numpy", "mlflow", "ruamel.yaml"} & set(loaded)


def test_defaults_are_taken_when_a_key_is_absent() -> None:
    assert from_mapping(AttentionSettings, {}) == AttentionSettings()


def test_every_field_of_every_settings_class_has_a_line_of_text() -> None:
    folder = Path(attention_programs.config.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))]
    classes = [
        node
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Settings", "Config"))
    ]
    groups = {f.name for f in dataclasses.fields(Config) if dataclasses.is_dataclass(f.type)}
    assert len(classes) == len(groups) + 2  # a corpus and the whole
    for node in classes:
        assert ast.get_docstring(node)
        for item, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id not in groups:
                said = after.value if isinstance(after, ast.Expr) else None
                assert isinstance(said, ast.Constant), f"{node.name}.{item.target.id} has no docstring"
                assert len(str(said.value)) > 10


def test_paths_of_a_profile_lie_below_the_root(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, values() | {"profile": "mine"}))
    paths = Paths.of(config, tmp_path)
    assert paths.model == tmp_path / "models" / config.model.name
    assert paths.texts == tmp_path / "data/mine/texts.jsonl"
    assert paths.programs == tmp_path / "data/mine/programs.jsonl"
    assert paths.scores == tmp_path / "data/mine/scores.parquet"
    assert paths.attention == tmp_path / "data/mine/attention"
    assert (paths.results, paths.report) == (tmp_path / "results/mine", tmp_path / "reports/mine")


def test_the_project_is_found_from_a_folder_below_it(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    with pytest.raises(UserError, match=r"b is not inside a project \(a folder with a params\.yaml\)"):
        project_root(below)
    (tmp_path / "params.yaml").write_text("", encoding="utf-8")
    assert project_root(below) == tmp_path


@pytest.mark.parametrize(
    ("percents", "words"),
    [([0, 50], r"the registered surrogate replaces 25 percent \(tracking\.gate_percent\)"), ([25], "add 0, which all")],
)
def test_questions_must_be_asked_of_what_is_registered(tmp_path: Path, percents: list[int], words: str) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["evaluation"]["percents"] = percents
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        load_config(tmp_path / "params.yaml")
    params["evaluation"]["tasks"] = []
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    assert load_config(tmp_path / "params.yaml").evaluation.tasks == ()


@pytest.mark.parametrize(("steps", "fitted"), [([0, 6, 24], False), ([0, 0, 24], False), ([1, 0, 0], True)])
def test_the_registered_share_gets_the_fit_that_its_record_names(
    tmp_path: Path, steps: list[int], fitted: bool
) -> None:
    params = values()
    params["distillation"] |= {"percents": [25, 50, 100], "steps": steps}
    if fitted:
        assert load_config(write(tmp_path, params)).distillation.steps == tuple(steps)
    else:
        with pytest.raises(UserError, match=r"the registered percentage of heads \(25\) is not fitted to the model's"):
            load_config(write(tmp_path, params))
