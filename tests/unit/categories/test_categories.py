"""Categories follow a program's terms, clusters its behaviour."""

import numpy as np
import pandas as pd
import pytest

from attention_programs.categories.category_table import category_table, cluster_table
from attention_programs.categories.clusters import Clustering, clusters_of, stable_clusters
from attention_programs.categories.contributions import Contributions, contributions
from attention_programs.categories.kinds import (
    CATEGORIES,
    COPIES,
    PLACE_FEATURES,
    SINK_TERMS,
    TERM_CATEGORIES,
    category_of,
)
from attention_programs.categories.similarity import pattern_similarity
from attention_programs.models.head import Head
from attention_programs.programs.features import Feature
from attention_programs.programs.run_result import Reason, Rejected
from attention_programs.programs.runner import TrustedRunner
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from builders import program_record
from cases import LONG, mapped, view_of

TEXT = mapped(view_of(LONG), np.zeros((0, 0), np.float16), "long")
VIEWS = [view_of(LONG), view_of(LONG * 3)]


@pytest.mark.parametrize("name", [*PATTERNS, *TOKEN_FEATURES])
def test_every_term_has_a_category(name: str) -> None:
    feature = Feature(name) if name in PATTERNS else Feature(key=name)
    assert category_of(feature) in TERM_CATEGORIES


def test_the_names_that_categories_are_made_of_exist() -> None:
    assert {*PATTERNS, *TOKEN_FEATURES} >= SINK_TERMS
    assert set(TOKEN_FEATURES) >= PLACE_FEATURES
    assert all(any(part in name for name in PATTERNS) for part in COPIES)


@pytest.mark.parametrize(
    ("source", "category"),
    [
        ("text.softmax(5.0 * text.first_token - 0.1 * text.log_distance)", "sink"),
        ("text.softmax(5.0 * text.previous_token + 0.2 * text.key.comma)", "position"),
        ("text.softmax(9.0 * text.same_token)", "repetition"),
        ("text.softmax(4.0 * text.current_clause)", "structure"),
        ("text.softmax(6.0 * text.key.comma)", "tokens"),
        ("text.softmax(0.1 * text.first_token)", "uniform"),
        ("text.softmax(3.0 * text.first_token + 3.0 * text.previous_token + 3.0 * text.key.comma)", "mixed"),
        ("text.first_token", "mixed"),
    ],
)
def test_a_program_has_the_category_whose_terms_make_most_of_its_pattern(source: str, category: str) -> None:
    assert contributions(program_record(source), VIEWS).category == category


def test_shares_are_of_what_is_lost_without_the_terms() -> None:
    found = contributions(program_record("text.softmax(2.0 * text.first_token + 3.0 * text.key.comma)"), VIEWS)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert {name for name, share in found.shares.items() if share} == {"sink", "tokens"}
    assert found.shares["position"] == 0


def test_terms_without_effect_have_no_shares() -> None:
    found = contributions(program_record("text.softmax(0.0 * text.first_token + 0.0 * text.uniform)"), VIEWS)
    assert set(found.shares.values()) == {0}
    assert found.category == "uniform"


def test_similarity_is_the_iou_of_predicted_patterns() -> None:
    programs = [
        program_record(f"text.{name}") for name in ("first_token", "self_token", "uniform", "first_token + 0.0")
    ]
    (found,) = pattern_similarity(programs, [TEXT], TrustedRunner())
    n = len(LONG)
    assert np.diag(found) == pytest.approx(1)
    assert found[0, 3] == pytest.approx(1)
    assert found[0, 1] == pytest.approx(1 / (2 * n - 1))  # they share the first row only
    assert found == pytest.approx(found.T)


def test_a_program_that_fails_is_similar_to_none() -> None:
    class Failing(TrustedRunner):
        def run(self, program, view):  # type: ignore[no-untyped-def]
            return Rejected(Reason.EXCEPTION, "no") if program.name == "text.self_token" else super().run(program, view)

    programs = [program_record("text.first_token"), program_record("text.self_token")]
    (found,) = pattern_similarity(programs, [TEXT], Failing())
    assert found[1].tolist() == [0, 0]


def blocks(sizes: tuple[int, ...], texts: int = 8, seed: int = 0) -> np.ndarray:
    """Similarity of groups of programs: 0.8 within and 0.2 between, with noise."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    noise = np.random.default_rng(seed).normal(0, 0.03, (texts, len(group), len(group)))
    found = np.where(group[:, None] == group, 0.8, 0.2) + (noise + noise.transpose(0, 2, 1)) / 2
    found[:, range(len(group)), range(len(group))] = 1
    return found


def test_the_most_stable_number_of_clusters_is_the_true_one() -> None:
    found = stable_clusters(blocks((12, 9, 7, 6)), range(2, 9), 20, np.random.default_rng(0))
    assert found.count == 4
    assert found.labels.tolist() == [0] * 12 + [1] * 9 + [2] * 7 + [3] * 6
    chosen = found.stability[found.stability["chosen"]]
    assert chosen["clusters"].tolist() == [4]
    assert float(chosen["stability"].iloc[0]) > 0.95
    assert found.stability.set_index("clusters")["stability"][8] < 0.9


def test_clusters_do_not_depend_on_the_order_of_programs() -> None:
    similarity = blocks((5, 4, 3)).mean(axis=0)
    order = np.random.default_rng(1).permutation(len(similarity))
    assert clusters_of(similarity[np.ix_(order, order)], 3).tolist() == clusters_of(similarity, 3)[order].tolist()


@pytest.mark.parametrize("programs", [1, 2])
def test_few_programs_are_one_cluster(programs: int) -> None:
    found = stable_clusters(np.ones((3, programs, programs)), range(4, 6), 5, np.random.default_rng(0))
    assert found.labels.tolist() == [0] * programs


def test_tables_name_every_head_and_say_how_well_both_groupings_agree() -> None:
    sink, comma = (
        program_record("text.softmax(5.0 * text.first_token)"),
        program_record("text.softmax(6.0 * text.key.comma)"),
    )
    contributed = {each.id: contributions(each, VIEWS) for each in (sink, comma)}
    assignment = {Head(0, 0): sink, Head(0, 1): comma, Head(1, 0): sink}
    clustering = Clustering(np.array([0, 1]), pd.DataFrame())
    table = category_table(assignment, contributed, [sink.id, comma.id], clustering)
    assert table["category"].tolist() == ["sink", "tokens", "sink"]
    assert table["cluster"].tolist() == [0, 1, 0]
    clusters = cluster_table(table)
    assert clusters["category"].tolist() == ["sink", "tokens"]
    assert clusters["heads"].tolist() == [2, 1]
    assert clusters["adjusted_rand"].tolist() == [1, 1]


def test_the_last_categories_are_not_those_of_terms() -> None:
    assert list(CATEGORIES) == [*TERM_CATEGORIES, "uniform", "mixed"]
    assert Contributions(dict.fromkeys(TERM_CATEGORIES, 0.2), 0.0).category == "mixed"
