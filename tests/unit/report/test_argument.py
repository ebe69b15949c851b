"""Each step of the argument says what its table says, beside what it is to be compared with."""

import math
import re
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from attention_programs.report.answer_sections import answers_finding, answers_section, answers_view
from attention_programs.report.argument import _costs, _fit_in_words, methods_view
from attention_programs.report.figures.controls_figure import draw_controls
from attention_programs.report.figures.effects_figure import draw_effects
from attention_programs.report.figures.questions_figure import draw_questions
from attention_programs.report.figures.style import TOOLTIP, save, styled

NAN = math.nan


def answer(task: str, percent: int, change: float, p_corrected: float, insensitive: float = 0.0) -> dict:
    values = {"accuracy": 0.6 + change, "low": 0.55 + change, "high": 0.65 + change, "change": change}
    bounds = {"change_low": change - 0.03, "change_high": change + 0.03}
    tests = {"insensitive": insensitive, "p_value": p_corrected / 2, "p_corrected": p_corrected}
    return (
        {"task": task, "percent": percent, "questions": 200, "sources": 200, "chance": 0.25} | values | bounds | tests
    )


ANSWERS = pd.DataFrame(
    [
        answer("sciq", 0, 0.0, NAN),
        answer("copa", 0, 0.0, NAN, insensitive=1.0),
        answer("sciq", 10, -0.01, 1.0),
        answer("copa", 10, 0.0, 1.0, insensitive=1.0),
        answer("sciq", 25, -0.05, 0.04),
        answer("copa", 25, 0.02, 0.9, insensitive=1.0),
        answer("sciq", 100, -0.3, 0.001),
        answer("copa", 100, 0.04, 0.01, insensitive=1.0),
    ]
)
CONTROLS = pd.DataFrame(
    [
        {"condition": condition, **answer(task, 25, change, p_corrected)}
        for condition, change, p_corrected in (("first_token", -0.1, 0.01), ("permuted_over_model", -0.04, 0.2))
        for task in ("sciq", "copa")
    ]
)


def test_tasks_that_change_beyond_chance_are_counted() -> None:
    assert answers_finding(ANSWERS) == (
        "On 400 questions of 2 tasks, the same for every row (exact paired tests, corrected by Holm for 6 "
        "comparisons): with 25 % of heads replaced, 1 of 2 tasks loses accuracy beyond chance, and the largest loss is "
        "that of sciq, -5.0 [-8.0, -2.0] points; with 100 % of heads replaced, 1 of 2 tasks loses accuracy beyond "
        "chance and 1 gains, and the largest loss is that of sciq, -30.0 [-33.0, -27.0] points. Insensitive, so no "
        "evidence either way: copa."
    )


def test_without_tests_only_the_largest_loss_is_named() -> None:
    finding = answers_finding(ANSWERS.assign(p_corrected=NAN, insensitive=0.0))
    assert "beyond chance" not in finding
    assert "with 25 % of heads replaced, the largest loss is that of sciq" in finding


def test_controls_stand_beside_the_programs_of_each_task() -> None:
    view = answers_view(ANSWERS, CONTROLS)
    assert [row[0] for row in view.rows] == [
        "sciq", "– first token", "– permuted over the model", "copa", "– first token", "– permuted over the model"
    ]  # fmt: skip
    assert view.rows[0] == ["sciq", "60.0 [55.0, 65.0]", "25", "-5.0 [-8.0, -2.0]*", "-30.0 [-33.0, -27.0]*"]
    assert view.rows[2][3:] == ["-4.0 [-7.0, -1.0]", "–"], "the control was not measured at 100 %"
    assert all(len(row) == len(view.head) for row in view.rows)
    section = answers_section(ANSWERS, CONTROLS)
    assert section is not None
    assert "First token in the same heads: with 25 % of heads replaced, 2 of 2 tasks lose accuracy" in section.compared
    assert section.compared.endswith("Of a random condition, this is the first draw.")


@pytest.mark.parametrize(("asked", "said"), [(["sciq", "piqa"], "question answering on piqa."), (["sciq"], "")])
def test_tasks_without_answers_are_named(asked: list[str], said: str) -> None:
    section = answers_section(ANSWERS, CONTROLS.iloc[:0], asked)
    assert section is not None
    assert ("Not measured" in section.finding) == bool(said)
    assert said in section.finding
    assert section.compared == ""


def test_no_questions_no_step() -> None:
    nothing = ANSWERS.iloc[:0]
    assert answers_section(nothing, CONTROLS.iloc[:0]) is None
    bare = answers_section(nothing, CONTROLS.iloc[:0], ["piqa"])
    assert bare is not None
    assert (bare.finding, bare.table) == ("Not measured: question answering on piqa.", None)


def test_older_results_without_p_values_are_shown() -> None:
    older = ANSWERS.drop(columns=["p_value", "p_corrected"])
    section = answers_section(older, CONTROLS.iloc[:0])
    assert section is not None
    assert "beyond chance" not in section.finding


def test_controls_have_markers_with_their_names() -> None:
    figure = draw_questions(ANSWERS, ["sciq", "copa"], CONTROLS)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "First token", "Permuted over the model", "Distilled programs"
    ]  # fmt: skip
    assert not draw_questions(ANSWERS, ["sciq"], CONTROLS.iloc[:0]).legends


def test_every_dot_of_a_measured_head_shows_its_name(tmp_path: Path) -> None:
    heads = [f"L0H{number}" for number in range(12)]
    effects = pd.DataFrame({"head": heads * 2, "replaced_by": ["correct"] * 12 + ["zero_output"] * 12}).assign(
        ablation_effect=[0.01 * (number + 1) for number in range(24)]
    )
    fits = pd.DataFrame({"head": [*heads, "L1H0"], "iou_test": [0.05 * number for number in range(13)]})
    with styled():
        save(draw_effects(effects, fits), tmp_path / "effects")
    drawing = (tmp_path / "effects.svg").read_text(encoding="utf-8")
    assert re.findall("<title>([^<]+)</title>", drawing) == heads * 2, "on the left and on the right"
    assert TOOLTIP not in drawing


def test_names_of_heads_whose_dots_lie_close_do_not_cover_each_other() -> None:
    heads = [f"L0H{number}" for number in range(4)]
    effects = pd.DataFrame(
        {"head": heads * 2, "replaced_by": ["correct"] * 4 + ["zero_output"] * 4, "ablation_effect": [0.1, 0.101] * 4}
    )
    figure = draw_effects(effects, pd.DataFrame({"head": heads, "iou_test": [0.5, 0.51, 0.97, 0.98]}))
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) == 4
        assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
        assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_zero_ablation_far_beyond_the_others_is_a_triangle_with_its_value() -> None:
    names = ["increase", "increase_low", "increase_high", "lowest", "highest"]
    rows = [("correct", 20.0), ("first_token", 900.0), ("zero_output", 24_265_903_300.0)]
    table = pd.DataFrame(
        [
            {"condition": key, "fitted_to": "attention", "percent": 100} | dict.fromkeys(names, cost)
            for key, cost in rows
        ]
    )
    (axes,) = draw_controls(table).axes
    assert [text.get_text() for text in axes.texts] == ["240 M×"]
    assert axes.get_xlim()[1] < 300, "the others keep the panel's width"
    (axes,) = draw_controls(table.iloc[:2]).axes
    assert not axes.texts


IOU = pd.DataFrame(
    [
        (method, corpus, metric, mean, mean - 0.01, mean + 0.01)
        for method, mean in (("selected", 0.6), ("sink_self", 0.4), ("first_token", 0.3))
        for corpus in ("all", "stories")
        for metric in ("iou", "sink_excluded_iou", "jsd")
    ],
    columns=["method", "corpus", "metric", "mean", "low", "high"],
)


def test_the_fit_stands_beside_the_best_baseline() -> None:
    assert "mean IoU of 0.600 [0.590, 0.610]" in _fit_in_words(IOU, "selected")
    assert _fit_in_words(IOU, "sink_self").startswith("The best baseline (fitted sink + self baseline) predicts")
    view = methods_view(IOU)
    assert view.head == ("mean test IoU", "all texts", "stories", "without first column", "JSD, lower is better")
    assert [row[0] for row in view.rows] == ["Selected program", "Fitted sink + self baseline", "First token"]


def test_baselines_are_quoted_by_the_ranking_of_the_programs_where_they_have_it() -> None:
    costs = pd.DataFrame(
        [
            (way, ranking, 25, cost, cost - 1, cost + 1)
            for way, ranking, cost in (
                ("distilled", "fisher", 5.0),
                ("uniform", "iou", 50.0),
                ("uniform", "fisher", 40.0),
                ("first_token", "iou", 60.0),
            )
        ],
        columns=["programs", "ranking", "percent", "increase", "low", "high"],
    )
    assert _costs(costs, "uniform", "distilled").endswith("smallest Fisher estimate first, 40.0 % [39.0, 41.0] at 25 %")
    assert _costs(costs, "first_token", "distilled").endswith("best fit first, 60.0 % [59.0, 61.0] at 25 %")
