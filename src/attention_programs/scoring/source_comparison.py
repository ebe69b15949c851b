"""The sources of programs compared: how many programs, how well they fit, and whether the intended one is the best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.programs.methods import AUTHORS, CURATED, LLM, SEARCH, SOURCES
from attention_programs.programs.parser import summands
from attention_programs.programs.record import ProgramRecord
from attention_programs.scoring.bootstrap import interval_of_means, resample_weights
from attention_programs.scoring.score_table import SplitScores

EXPLAINED = 0.5
"""A head with a test IoU above this counts as covered."""
NOTHING = float("nan")


def source_groups(programs: Sequence[ProgramRecord]) -> dict[str, list[int]]:
    """Indices of each source's programs; sources without programs are left out.

    The language model's programs are listed as it wrote them, with fitted coefficients, and together.
    """
    groups: dict[str, list[int]] = {name: [] for name in SOURCES}
    for position, program in enumerate(programs):
        if program.author in groups:
            groups[program.author].append(position)
        if program.author == LLM:
            groups["llm_fitted" if "coefficients" in program.provenance else "llm_written"].append(position)
    return {name: members for name, members in groups.items() if members}


def compare_sources(
    programs: Sequence[ProgramRecord],
    validation: SplitScores,
    test: SplitScores,
    heads: Sequence[str],
    samples: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """One row per source. Programs are chosen on validation; columns named ``test`` are measured on test texts.

    ``wins_on`` is the share of all heads for which the source has the best program on validation; ``beats_search``
    and ``beats_curated`` are shares, on test, of the heads that the source has programs for. The last columns are means
    over these heads, too: the test IoU of the program written for the head, of the source's best, of the best of all
    sources and of the search's best, and the terms of the source's best and of the search's.

    Args:
        programs: The program table.
        validation: Scores of all programs on validation texts.
        test: Scores of all programs on test texts.
        heads: Names of the heads, in the order of the scores.
        samples: Number of bootstrap resamples of the texts.
        generator: Draws the resamples.
    """
    means, on_test = validation.iou.mean(axis=0), test.iou.mean(axis=0)
    groups = source_groups(programs)
    best = {name: _best(means, members) for name, members in groups.items()}
    leading = np.array([means[best[name], range(len(heads))] for name in AUTHORS if name in best]).max(axis=0)
    overall = _best(means, sorted(position for name in AUTHORS for position in groups.get(name, [])))
    terms = np.array([summands(program) for program in programs], dtype=np.float64)
    weights = resample_weights(len(test.iou), samples, generator)
    rows = []
    for name, members in groups.items():
        chosen = best[name]
        columns = np.arange(len(heads))
        own, tested = means[chosen, columns], on_test[chosen, columns]
        (interval,) = interval_of_means(test.iou[:, chosen, columns].mean(axis=1, keepdims=True), weights)
        intended = _intended(programs, members, means, heads)
        asked = np.array(sorted(intended), dtype=int)
        written = np.array([intended[head] for head in asked], dtype=int)
        beats = dict.fromkeys(("beats_search", "beats_curated"), NOTHING)
        for other in (SEARCH, CURATED):
            if other in best and other != name:
                beats[f"beats_{other}"] = _mean(tested[asked] > on_test[best[other][asked], asked])
        rows.append(
            {
                "source": name,
                "programs": len(members),
                "heads_intended": len(asked),
                "wins_on": float((own >= leading).mean()),
                "coverage": float((tested > EXPLAINED).mean()),
                "iou_test": interval.mean,
                "iou_test_low": interval.low,
                "iou_test_high": interval.high,
                **beats,
                "iou_test_intended": _mean(on_test[written, asked]),
                "iou_test_best_of_source": _mean(tested[asked]),
                "iou_test_best_of_all": _mean(on_test[overall[asked], asked]),
                "share_intended_is_best": _mean(written == overall[asked]),
                "iou_test_of_search": _mean(on_test[best[SEARCH][asked], asked]) if SEARCH in best else NOTHING,
                "terms_best_of_source": _mean(terms[chosen[asked]]),
                "terms_of_search": _mean(terms[best[SEARCH][asked]]) if SEARCH in best else NOTHING,
            }
        )
    return pd.DataFrame(rows)


def _best(means: NDArray[np.float64], members: Sequence[int]) -> NDArray[np.int64]:
    """Index of the members' best program for each head; if tied, the first."""
    positions = np.array(members, dtype=int)
    chosen: NDArray[np.int64] = positions[means[positions].argmax(axis=0)]
    return chosen


def _intended(
    programs: Sequence[ProgramRecord], members: Sequence[int], means: NDArray[np.float64], heads: Sequence[str]
) -> dict[int, int]:
    places = {head: place for place, head in enumerate(heads)}
    found: dict[int, int] = {}
    for position in members:
        for head in programs[position].intended_heads:
            place = places.get(head)
            if place is not None and (place not in found or means[position, place] > means[found[place], place]):
                found[place] = position
    return found


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else NOTHING
