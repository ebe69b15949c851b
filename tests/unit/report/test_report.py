import re
from dataclasses import asdict
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets.arrow_writer import ArrowWriter
from matplotlib.figure import Figure

from attention_programs.attention.packing import Packing
from attention_programs.attention.pattern_store import INDEX_NAME, SCHEMA_VERSION
from attention_programs.attention.writing import FEATURES
from attention_programs.config import Config
from attention_programs.errors import UserError
from attention_programs.files import sha256_file, write_json, write_text
from attention_programs.models.head import all_heads
from attention_programs.models.model_record import ModelRecord, write_record
from attention_programs.models.token_style import TokenStyle
from attention_programs.paths import Paths
from attention_programs.programs.methods import BASELINES, METHODS
from attention_programs.programs.record import ProgramRecord, make_record, write_programs
from attention_programs.report.example_heads import choose, kind
from attention_programs.report.figures.perplexity_figure import draw_perplexity
from attention_programs.report.figures.style import spread
from attention_programs.report.fit_sections import weak_section
from attention_programs.report.opening import opening
from attention_programs.report.page import write_report
from attention_programs.report.provenance import Provenance
from attention_programs.report.result_tables import Tables, read_table
from attention_programs.surrogate.gate import GateMeasurement, write_gate
from builders import config_with

HOSTILE = "</script><script>alert(1)</script><img src='http://example.org/x'>"
LAYERS, PER_LAYER = 2, 3
NAMES = [str(head) for head in all_heads(LAYERS, PER_LAYER)]
QA_COLUMNS = (
    "task,percent,heads_replaced,questions,sources,accuracy,low,high,chance,change,change_low,change_high,insensitive"
)
TERMS = ("first_token", "previous_token", "self_token", "log_distance", "same_token", "uniform")
CORPORA = ("all", "stories", "code")
ANALYSES = (("selected", 6, 0.6), ("sink_self", 1, 0.4), ("first_token", 1, 0.3), ("terms/3", 6, 0.5),
            ("terms/20", 6, 0.65), ("shared/3", 3, 0.55), ("shared/4", 4, 0.58), ("transfer/stories", 6, 0.52),
            ("transfer/code", 6, 0.53))  # fmt: skip
"""Name, programs and IoU of each."""
CLOSER = (
    "sources",
    "intended",
    "explainer",
    "terms",
    "sharing",
    "lengths",
    "transfer",
    "weak",
    "coefficients",
    "ranking",
)
TOKEN_STRINGS = ("Once", " upon", " <b>a</b>", " $x_1$", " time", ",", "\n", "\x00", " a", " dog", " ran", " far", ".")


def _programs() -> list[ProgramRecord]:
    sources = [f'def program(text):\n    """Uses {term}."""\n    return text.{term}\n' for term in TERMS[:-1]]
    sources.append(f'def program(text):\n    """Hostile {HOSTILE}"""\n    return text.uniform\n')
    names = [*TERMS[:-1], f"hostile {HOSTILE}"]
    return [make_record(s, n, "search", "prefix_only", [], {}) for s, n in zip(sources, names, strict=True)]


def _write_attention(folder: Path) -> None:
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    tokens = len(TOKEN_STRINGS)
    writer = ArrowWriter(features=FEATURES, path=str(folder / "maps.arrow"))
    for number in range(3):
        patterns = np.tril(generator.random((len(NAMES), tokens, tokens))).astype(np.float32)
        patterns /= patterns.sum(axis=-1, keepdims=True)
        writer.write(
            {
                "key": f"key{number}",
                "corpus": "stories",
                "split": "test",
                "ids": list(range(tokens)),
                "pieces": list(TOKEN_STRINGS),
                "starts": [0] * tokens,
                "ends": [0] * tokens,
                "attention": Packing(patterns.shape[-1], causal=True).pack(patterns).astype(np.float16).reshape(-1),
            }
        )
    writer.finalize()
    index = (SCHEMA_VERSION, "tiny", "0" * 64, True, 13, NAMES, ["maps.arrow"])
    keys = ("schema_version", "model", "weights_sha256", "causal", "max_tokens", "heads", "shards")
    style = {"token_style": asdict(TokenStyle("byte-level"))}
    write_json(folder / INDEX_NAME, dict(zip(keys, index, strict=True)) | style)


def _write_results(folder: Path, programs: list[ProgramRecord]) -> None:
    measures = "iou_validation,iou_test,iou_test_low,iou_test_high,sink_excluded_iou_test,jsd_test,iou_test_stories"
    heads = [f"head,method,program_id,program_name,author,{measures}"]
    for method in METHODS:
        for rank, (head, program) in enumerate(zip(NAMES, programs, strict=True)):
            fit = 0.9 - 0.1 * rank - (0.3 if method in BASELINES else 0)
            heads.append(f"{head},{method},{program.id},x,search,{fit},{fit},{fit - 0.02},{fit + 0.02},0.2,0.3,{fit}")
    iou = ["method,corpus,metric,mean,low,high"]
    for metric in ("iou", "sink_excluded_iou", "jsd"):
        iou += [f"{method},{corpus},{metric},0.5,0.4,0.6" for method in METHODS for corpus in ("all", "stories")]
    perplexity = [
        "programs,ranking,percent,heads_replaced,texts,tokens,perplexity,increase,low,high,above,above_low,above_high"
    ]
    for name in ("distilled", "selected", "uniform", "first_token"):
        for ranking in ("iou", "ablation_effect", "fisher", "iterative_fisher"):
            perplexity += [
                f"{name},{ranking},{p},{p},12,99,{20 + p},{5 * p},{4 * p},{6 * p},1,0,2" for p in (0, 25, 100)
            ]
    qa = [QA_COLUMNS]
    qa += [f"story_continuation,{p},{p},50,20,0.6,0.5,0.7,0.25,-0.1,-0.2,0.0,True" for p in (0, 100)]
    ablation_effect = ["head,ablation_effect,standard_error,texts,reliability"]
    ablation_effect += [f"{head},0.0{rank},0.001,32,0.91" for rank, head in enumerate(NAMES) if rank]
    objectives = ["objective,percent,heads,iou_test", "attention_loss,25,1,0.5", "output_kl_loss,25,1,0.4"]
    analyses = ["analysis,corpus,programs,terms,iou_validation,iou,low,high,sink_excluded_iou"]
    for name, programs_used, fit in ANALYSES:
        analyses += [
            f"{name},{corpus},{programs_used},2.5,{fit},{fit},{fit - 0.01},{fit + 0.01},0.2" for corpus in CORPORA
        ]
    lengths = ["method,tokens,texts,iou,low,high,sink_excluded_iou"]
    lengths += [f"{m},{t},3,0.5,0.4,0.6,0.2" for m in ("selected", "sink_self", "first_token") for t in (16, 32)]
    behaviour = ["head,first_token,content_word,digit,distance,entropy"]
    behaviour += [f"{head},0.{rank},0.5,0.01,{rank},1.5" for rank, head in enumerate(NAMES)]
    choice = [
        "ranking,percent,tokens,increase_validation,chosen",
        "iou,25,9,9.0,False",
        "ablation_effect,25,9,5.0,True",
    ]
    distillation = ["loss,percent,step,training,validation", "layer_output,100,0,3.0,"]
    distillation += ["output_kl,25,0,0.5,0.6", "output_kl,25,1,0.4,", "output_kl,25,2,,0.5"]
    sources = [
        (
            "source,programs,heads_intended,wins_on,coverage,iou_test,iou_test_low,iou_test_high,beats_search,"
            "beats_curated,iou_test_intended,iou_test_best_of_source,iou_test_best_of_all,share_intended_is_best,"
            "iou_test_of_search,terms_best_of_source,terms_of_search"
        ),
        "search,6,6,0.8,0.5,0.6,0.5,0.7,,0.9,0.55,0.6,0.61,0.7,0.6,8,8",
        "curated,3,1,0.1,0.2,0.4,0.3,0.5,1.0,,0.5,0.5,0.6,0.4,0.45,11.5,8",
        "llm,4,2,0.1,0.3,0.45,0.4,0.5,0.5,0.25,0.4,0.45,0.61,0.0,0.58,3,3",
    ]
    explainer = [
        (
            "head,programs,kept_round,jsd_first,jsd_kept,iou_first,iou_kept,iou_fitted,coefficients,prompt_tokens,"
            "completion_tokens,cost"
        ),
        "L0H0,2,1,0.6,0.5,0.3,0.4,0.45,3,7000,200,0.0",
        "L0H1,0,,,,,,,0,7000,800,0.0",
        "L1H0,1,1,,0.6,,0.2,0.25,2,7000,800,0.0",
    ]
    equal_size = ["head,terms_by_hand,terms_of_search,terms_equal_size,iou_by_hand,iou_of_search,iou_equal_size"]
    equal_size += ["L0H0,12,8,11,0.5,0.4,0.52", "L0H1,10,8,10,0.6,0.5,0.56"]
    tables = {
        "sources": sources,
        "equal_size": equal_size,
        "explainer": explainer,
        "analyses": analyses,
        "lengths": lengths,
        "behaviour": behaviour,
        "ranking_choice": choice,
        "distillation": distillation,
        "objectives": objectives,
        "heads": heads,
        "iou": iou,
        "perplexity": perplexity,
        "qa": qa,
        "ablation_effect": ablation_effect,
    }
    for name, lines in tables.items():
        write_text(folder / f"{name}.csv", "\n".join(lines) + "\n")
    counts = {
        "heads_asked": 2, "heads_with_a_program": 1, "prompts": 4, "prompts_reproduced_verbatim": 4, "candidates": 5,
        "repeated": 1, "rejected": {"exception": 2}, "replies_without_a_program": {"cut off": 1}, "programs": 2,
        "looks_ahead": 0, "revisions_kept": 1, "coefficients_improved": 1, "prompt_tokens": 14000,
        "completion_tokens": 1000,
        "explainer": {"model": "little", "quantization": "Q4", "file_sha256": "ab" * 32}, "cost": 0.0,
    }  # fmt: skip
    write_json(folder / "synthesis.json", {"explainer": counts})
    write_gate(folder / "gate.json", GateMeasurement(25, 40, 2520, 9.0, 7.0, 12.0))
    write_json(folder / "corpora.json", {"stories": {"train": 5, "validation": 2, "test": 3}})


@pytest.fixture(scope="module")
def config() -> Config:
    questions = {"name": "own", "tasks": ["story_continuation", "verb_agreement"]}
    return config_with(profile="tiny", attention={"max_tokens": 13}, evaluation=questions, report={"example_heads": 3})


def _project(root: Path, config: Config) -> Paths:
    paths = Paths.of(config, root)
    record = ModelRecord(
        "tiny", "folder", "somewhere", "", "Tiny", LAYERS, PER_LAYER, 3, True, 10, "float32", "f" * 64, "Q5_0"
    )
    paths.model.mkdir(parents=True)
    write_record(paths.model, record)
    programs = _programs()
    write_programs(paths.programs, programs)
    _write_attention(paths.attention)
    _write_results(paths.results, programs)
    return paths


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Paths:
    paths = _project(tmp_path_factory.mktemp("project"), config)
    write_report(config, paths)
    return paths


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made but not rendered, which takes most of a page's time: for tests of what a page holds."""

    def save(_figure: Figure, file: Path | StringIO, **_settings: object) -> None:
        drawing = '<svg viewBox="0 0 1 1"></svg>'
        if isinstance(file, StringIO):
            file.write(drawing)
        else:
            write_text(file, drawing)

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture(scope="module")
def page(paths: Paths) -> str:
    return (paths.report / "report.html").read_text(encoding="utf-8")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")


@pytest.fixture(scope="module")
def tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    return parser


def test_page_needs_nothing_from_outside(page: str, tags: _Tags) -> None:
    assert tags.links
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert not {"link", "iframe", "object", "embed", "base"} & set(tags.tags)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_anchors_exist_and_ids_are_unique(tags: _Tags) -> None:
    assert len(tags.ids) == len(set(tags.ids))
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)


def test_hostile_names_sources_and_tokens_are_text(page: str, tags: _Tags) -> None:
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert tags.tags.count("script") == 1
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "\x00" not in page


def test_page_says_what_matters(page: str) -> None:
    text = re.sub(r"\s+", " ", page)
    assert "Each of 6 attention heads of tiny" in text
    assert "cut to at most 13 tokens" in text
    assert (
        "raises perplexity (20.00 original) by 125 % [100, 150] with coefficients fitted to preserve the model" in text
    )
    assert ", and by 125 % [100, 150] with coefficients fitted to the patterns" in text
    assert "Perplexity on 99 tokens of 12 test texts, the same for every curve, relative to the original model" in text
    assert text.index("distilled, best ranking") < text.index(">best fit first<")
    assert "f" * 64 in page
    assert "Not measured: question answering on verb agreement." in text
    assert "max_tokens: 13" in page
    assert "Q5_0, dequantised to float32" in text
    assert "Looks ahead." not in text


@pytest.mark.parametrize(
    ("fits", "said"),
    [
        ({"uniform": 0.8, "first_token": 0.1}, "the best baseline (uniform) 0.800, the first token alone 0.100."),
        ({"uniform": 0.1, "first_token": 0.8}, "For comparison, the first token alone 0.800."),
    ],
)
def test_the_opening_compares_with_the_baseline_that_is_best(config: Config, fits: dict[str, float], said: str) -> None:
    known = {f"iou/test/all/{method}": fit for method, fit in fits.items()} | {"programs/distinct/selected": 2}
    assert said in opening(known, config, Provenance((), {}, ""), 6)


@pytest.mark.parametrize(("increase", "said"), [(-0.01, "changes perplexity (20.00 original) by 0.0"), (3, "raises")])
def test_a_surrogate_that_loses_nothing_raises_nothing(config: Config, increase: float, said: str) -> None:
    known = {"perplexity/test/original": 20.0, "perplexity_increase/test/selected/iou/25": increase}
    written = opening(known | {"programs/distinct/selected": 2}, config, Provenance((), {}, ""), 6)
    assert said in written


def test_every_head_has_a_row(page: str, tags: _Tags) -> None:
    assert [name for name in tags.ids if name.startswith("head-L")] == [f"head-{name}" for name in NAMES]
    first = re.search(r'<tr id="head-L0H0">.*?</tr>', page, re.DOTALL)
    assert first is not None
    assert "–" in first[0]  # its ablation effect was not measured
    assert "return text.first_token" in first[0]


def test_figures_are_saved_and_labelled(paths: Paths, page: str) -> None:
    saved = {file.name for file in (paths.report / "figures").iterdir()}
    stems = {name.rsplit(".", 1)[0] for name in saved}
    assert {"fit", "heads", "perplexity", "questions", "terms", "sharing", "lengths"} < stems
    assert {"distillation", "rankings"} < stems
    assert len([stem for stem in stems if stem.startswith("example-")]) == 3
    assert saved == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "png", "csv")}
    drawings = re.findall(r"<svg [^>]*>", page)
    assert len(drawings) == len(stems)
    assert all('role="img" aria-label="' in drawing for drawing in drawings)


def test_second_run_gives_equal_bytes(paths: Paths, config: Config) -> None:
    def hashes() -> dict[str, str]:
        return {str(f.relative_to(paths.report)): sha256_file(f) for f in sorted(paths.report.rglob("*.*"))}

    before = hashes()
    write_report(config, paths)
    assert hashes() == before


@pytest.mark.usefixtures("_undrawn")
def test_no_questions_and_few_heads(tmp_path: Path, config: Config) -> None:
    paths = _project(tmp_path, config)
    write_text(paths.results / "qa.csv", f"{QA_COLUMNS}\n")
    table = (paths.results / "heads.csv").read_text(encoding="utf-8").splitlines()
    few = [line for line in table if not line.startswith("L") or line.startswith("L1H2")]
    write_text(paths.results / "heads.csv", "\n".join(few) + "\n")
    page = write_report(config, paths).read_text(encoding="utf-8")
    assert "question answering on story continuation, verb agreement" in re.sub(r"\s+", " ", page)
    assert not (paths.report / "figures" / "questions.svg").exists()


def test_steps_come_in_order_with_what_to_compare_them_with(page: str, tags: _Tags) -> None:
    assert [name for name in tags.ids if name.startswith("step-")] == ["step-fit", "step-cost", "step-questions"]
    text = re.sub(r"\s+", " ", page)
    for number, title in enumerate(("How well programs match heads", "What replacing heads costs"), start=1):
        assert f"<h3>{number}. {title}" in text
    assert text.count("<b>Compared with.</b>") == 2
    assert "<b>Compared with.</b> The best baseline (fitted sink + self baseline) predicts" in text


def test_detailed_results_say_what_the_tables_say(page: str, tags: _Tags) -> None:
    assert [name for name in tags.ids if name.startswith("closer-")] == [f"closer-{name}" for name in CLOSER]
    text = re.sub(r"\s+", " ", page).replace("&#39;", "'")
    for said in (
        "0.500 [0.490, 0.510] with at most 3 terms, 0.650 [0.640, 0.660] with at most 20 terms",
        "the fitted baseline reaches 0.400 [0.390, 0.410]",
        (
            "reaches 95 % of the IoU of one per head on validation texts is 4: on test texts, IoU 0.580 "
            "[0.570, 0.590], 97 % of the"
        ),
        "IoU of the selected programs goes from 0.500 [0.400, 0.600] at 16 tokens to 0.500 [0.400, 0.600] at 32 tokens",
        "reach 0.525 on its own test texts and 0.525 on those of other corpora",
        "The 6 heads explained worst",
        "mean IoU from 0.500 to 0.400 and the perplexity increase from 125 % [100, 150] to 125 % [100, 150]",
        "smallest ablation effect first, with a mean increase of 5.0 % over the fractions shown; best fit first: 9.0 %",
        "Single-head ablation effects are measured on 32 training texts; the split-half reliability of their ranking",
    ):
        assert said in text, said


def test_weak_heads_come_worst_first_with_what_they_do(page: str) -> None:
    table = re.search(r'<table class="weak">.*?</table>', page, re.DOTALL)
    assert table is not None
    assert re.findall(r"#head-(L\dH\d)", table[0]) == NAMES[::-1]
    text = re.sub(r"\s+", " ", table[0])
    assert "50 % on the first token (all heads: 25 %), 50 % on content words (50 %); looks 5.0 tokens away" in text


@pytest.mark.usefixtures("_undrawn")
@pytest.mark.parametrize(
    ("lost", "left"),
    [
        ("analyses", {"sources", "intended", "explainer", "lengths", "weak", "coefficients", "ranking"}),
        ("sources", set(CLOSER) - {"sources", "intended"}),
        ("equal_size", set(CLOSER)),
        ("lengths", set(CLOSER) - {"lengths"}),
        ("behaviour", set(CLOSER) - {"weak"}),
        ("ranking_choice", set(CLOSER) - {"ranking"}),
        ("distillation", set(CLOSER)),
    ],
)
def test_what_was_not_measured_is_left_out(tmp_path: Path, config: Config, lost: str, left: set[str]) -> None:
    paths = _project(tmp_path, config)
    (paths.results / f"{lost}.csv").unlink()
    page = write_report(config, paths).read_text(encoding="utf-8")
    assert set(re.findall(r'id="closer-(\w+)"', page)) == left


@pytest.mark.usefixtures("_undrawn")
def test_one_corpus_and_no_sharing(tmp_path: Path, config: Config) -> None:
    paths = _project(tmp_path, config)
    table = (paths.results / "analyses.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in table if not line.startswith(("shared", "transfer")) and ",code," not in line]
    write_text(paths.results / "analyses.csv", "\n".join(kept) + "\n")
    page = write_report(config, paths).read_text(encoding="utf-8")
    assert set(re.findall(r'id="closer-(\w+)"', page)) == set(CLOSER) - {"sharing", "transfer"}


def test_failure_leaves_the_old_report(tmp_path: Path, config: Config) -> None:
    paths = _project(tmp_path, config)
    write_text(paths.report / "report.html", "old")
    (paths.results / "ablation_effect.csv").unlink()
    with pytest.raises(UserError, match=r"ablation_effect\.csv does not exist; run `dvc repro ablation`"):
        write_report(config, paths)
    assert (paths.report / "report.html").read_text(encoding="utf-8") == "old"


def test_unknown_program_is_an_error(tmp_path: Path, config: Config) -> None:
    paths = _project(tmp_path, config)
    write_programs(paths.programs, _programs()[1:])
    with pytest.raises(UserError, match=r"gives head L0H0 the program .* run `dvc repro select`"):
        write_report(config, paths)


def test_examples_are_spread_and_distinct(paths: Paths) -> None:
    heads = read_table(paths.results, "heads.csv")
    selected = heads[heads["method"] == "selected"]
    programs = {program.id: program for program in _programs()}
    chosen = choose(selected, programs, 3)
    assert [choice.head for choice in chosen] == ["L0H0", "L0H2", "L1H2"]
    same = selected.assign(program_id=next(iter(programs)))
    assert len(choose(same, programs, 3)) == 1
    assert choose(selected, programs, 0) == []


def test_examples_and_weak_heads_are_picked_on_validation_texts(paths: Paths) -> None:
    tables = Tables.read(paths.results)
    selected = tables.heads[tables.heads["method"] == "selected"]
    turned = selected.assign(iou_validation=selected["iou_test"].to_numpy()[::-1])
    programs = {program.id: program for program in _programs()}
    assert [choice.head for choice in choose(turned, programs, 3)] == ["L1H2", "L1H0", "L0H0"]
    weak = weak_section(tables.behaviour, turned, programs)
    assert weak is not None
    assert [head.head for head in weak.heads] == NAMES


def test_kind_is_what_comes_besides_the_sink() -> None:
    source = (
        'def program(text):\n    """D."""\n    return text.softmax(2.0 * text.first_token + 1.0 * text.key.comma)\n'
    )
    assert kind(make_record(source, "n", "search", "prefix_only", [], {})) == "comma"
    assert kind(_programs()[0]) == "first_token"


def test_labels_keep_their_order_and_distance() -> None:
    placed = spread([3.0, 0.0, 0.1, 0.2, 3.05], gap=1.0)
    assert np.diff(np.sort(placed)).min() >= 1.0 - 1e-9
    assert np.argsort(placed, kind="stable").tolist() == [1, 2, 3, 0, 4]


def test_the_perplexity_figure_names_only_curves_that_were_measured() -> None:
    row = {"ranking": "iou", "increase": 5.0, "low": 4.0, "high": 6.0}
    points = [("distilled", 0), ("distilled", 25), ("selected", 0)]
    table = pd.DataFrame([row | {"programs": programs, "percent": percent} for programs, percent in points])
    names = [text.get_text() for text in draw_perplexity(table).axes[0].texts]
    assert "Distilled programs" in names
    assert "Selected programs" not in names
    more = pd.DataFrame([row | {"programs": "selected", "percent": 25}])
    names = [text.get_text() for text in draw_perplexity(pd.concat([table, more])).axes[0].texts]
    assert "Selected programs" in names


def test_sources_and_the_language_model_are_reported(page: str) -> None:
    text = re.sub(r"\s+", " ", page.replace("\u00a0", " ")).replace("&#39;", "'")
    for words in (
        "Search has the best program for 80 % of all heads.",
        "Over the 2 heads that the language model wrote a usable program for, its best one beats the search's in 50",
        "Over the 1 heads that somebody wrote a program for by hand, which were the search's worst on validation texts",
        "the best one by hand beats the search's in 100 % on test texts (0.500 against 0.450).",
        "Its programs have 11.5 terms on average, the search's for the same heads 8.0: the sizes differ, and more",
        "At equal size, where the search may use as many terms for a head as the program by hand has, the one by hand",
        "beats the search's in 50 % of 2 heads on test texts (0.550 against 0.540, with 10.5 terms).",
        "(chosen on validation, compared on test texts). Its programs have 3.0 terms on average, the search's for the",
        "same heads 3.0. Over the 1 heads",
        "Intended against best program",
        "little, Q4 (file abababababab). The first reply holds a program that runs for 1 heads (mean IoU on",
        "texts 0.300, after revision 0.400), either reply for 2 (0.300, with fitted coefficients 0.350).",
        "– rejected: exception",
        "Replies: cut off",
    ):
        assert words in text, words
