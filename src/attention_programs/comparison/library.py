"""How few programs explain all heads: a library chosen greedily on validation texts and measured on test texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.programs.record import ProgramRecord
from attention_programs.scoring.bootstrap import interval_of_means, interval_of_ratio, resample_weights
from attention_programs.sparse_search.sharing import representatives


@dataclass(frozen=True)
class Candidates:
    """Programs that a library may be chosen from, and the heads that it is for."""

    programs: Sequence[str]
    """Ids."""
    validation: NDArray[np.floating]
    """Mean IoU on validation texts, shape (programs, heads)."""
    test: NDArray[np.floating]
    """IoU on test texts, shape (texts, programs, heads)."""
    own: NDArray[np.bool_]
    """Whether a program was found on the head's model, shape (programs, heads)."""

    model: NDArray[np.str_]
    """The profile of each head's model, shape (heads,)."""

    def own_choice(self) -> NDArray[np.int64]:
        """For each head the best program found on its model, on validation texts, shape (heads,)."""
        return np.where(self.own, self.validation, -1).argmax(axis=0)

    def for_heads_of(self, profile: str) -> "Candidates":
        """The same programs for the heads of one model."""
        heads = self.model == profile
        return replace(
            self,
            validation=self.validation[:, heads],
            test=self.test[:, :, heads],
            own=self.own[:, heads],
            model=self.model[heads],
        )


def iou_by_text(test: NDArray[np.floating], choice: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean IoU over heads, text by text, if every head has the program of ``choice``, shape (texts,).

    Args:
        test: IoU on test texts, shape (texts, programs, heads).
        choice: The number of each head's program, shape (heads,).
    """
    values: NDArray[np.float64] = test[:, choice, np.arange(len(choice))].mean(axis=1, dtype=np.float64)
    return values


def greedy_order(candidates: Candidates) -> NDArray[np.int64]:
    """All useful programs in the order in which a library takes them: the first k are the library of size k.

    Each is the one that raises the mean over heads of the best validation IoU most; every head counts the same. That
    mean is submodular in the set of programs, so k programs reach at least 1 - 1/e of what the best k could. Of equal
    programs the first in the table is taken; those that improve no head are left out.

    Returns:
        Indices of programs, shape (sizes,).
    """
    fits = candidates.validation.astype(np.float64)
    order = np.array(representatives(fits, len(fits)))
    best = np.maximum.accumulate(fits[order], axis=0)
    improving = (best[1:] > best[:-1]).any(axis=1)
    return order[: 1 + int(improving.sum())]


@dataclass(frozen=True)
class Library:
    """How well the libraries of all sizes fit."""

    validation: NDArray[np.float64]
    """Mean over heads of the best IoU on validation texts, shape (sizes,)."""
    test: NDArray[np.float64]
    """Mean test IoU over heads, each with its best program on validation texts, shape (texts, sizes)."""


def measure(candidates: Candidates, order: NDArray[np.int64]) -> Library:
    """Measures the libraries that an order of the programs gives."""
    heads = np.arange(candidates.validation.shape[1])
    choice = np.full(len(heads), order[0])
    validation, test = [], []
    for program in order:
        better = candidates.validation[program] > candidates.validation[choice, heads]
        choice = np.where(better, program, choice)
        validation.append(float(candidates.validation[choice, heads].mean(dtype=np.float64)))
        test.append(iou_by_text(candidates.test, choice))
    return Library(np.array(validation), np.stack(test, axis=1))


def curve_table(
    library: str,
    heads_of: str,
    candidates: Candidates,
    order: NDArray[np.int64],
    samples: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """One row per size: mean IoU, and what percentage it is of the IoU of one program per head, with intervals.

    One program per head is the best that was found on the head's own model, chosen on validation texts.

    Args:
        library: Its name.
        heads_of: The name of the model or models whose heads are explained.
        candidates: Programs and heads.
        order: From :func:`greedy_order`.
        samples: Number of bootstrap resamples of texts.
        generator: Draws them.
    """
    measured, choice = measure(candidates, order), candidates.own_choice()
    own, heads = iou_by_text(candidates.test, choice), np.arange(len(choice))
    own_validation = float(candidates.validation[choice, heads].mean(dtype=np.float64))
    weights = resample_weights(len(own), samples, generator)
    rows = []
    for place, interval in enumerate(interval_of_means(measured.test, weights)):
        share = interval_of_ratio(100 * measured.test[:, place], own, weights)
        rows.append(
            {
                "library": library,
                "heads_of": heads_of,
                "heads": len(heads),
                "pool": len(candidates.programs),
                "programs": place + 1,
                "iou_validation": measured.validation[place],
                "iou": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "percent_validation": 100 * measured.validation[place] / own_validation,
                "percent": share.mean,
                "percent_low": share.low,
                "percent_high": share.high,
                "iou_one_per_head": float(own.mean()),
            }
        )
    return pd.DataFrame(rows)


def size_table(curve: pd.DataFrame, percents: Sequence[int]) -> pd.DataFrame:
    """For each library and percentage the smallest size that reaches it over all heads of the library's models.

    Args:
        curve: Rows of :func:`curve_table`.
        percents: Percentages of the IoU of one program per head.

    Returns:
        One row each, with the row of the curve and two sizes: ``programs`` is the smallest that reaches the percentage
        on test texts, ``programs_validation`` on validation texts; empty where no size does.
    """
    rows: list[Mapping[str, object]] = []
    for name, sizes in curve[curve["library"] == curve["heads_of"]].groupby("library", sort=False):
        for percent in percents:
            enough = sizes[sizes["percent"] >= percent]
            measured = sizes[sizes["percent_validation"] >= percent]["programs"]
            row = (enough if len(enough) else sizes).iloc[0 if len(enough) else -1]
            rows.append(
                {
                    "library": name,
                    "at_least": percent,
                    "programs": int(row["programs"]) if len(enough) else pd.NA,
                    "programs_validation": int(measured.min()) if len(measured) else pd.NA,
                    **{key: row[key] for key in ("heads", "pool", "iou", "low", "high", "iou_one_per_head")},
                }
            )
    whole = {"programs": "Int64", "programs_validation": "Int64"}
    return pd.DataFrame(rows).astype(whole)


def program_table(order: Sequence[str], pools: Mapping[str, Sequence[ProgramRecord]]) -> pd.DataFrame:
    """One row per program of a library, in the order in which they were chosen.

    Args:
        order: Ids of the programs.
        pools: The programs found on each model, by profile.
    """
    found: dict[str, tuple[str, ProgramRecord]] = {}
    for profile, pool in pools.items():
        for program in pool:
            found.setdefault(program.id, (profile, program))
    rows = [(place, *found[program_id]) for place, program_id in enumerate(order, start=1)]
    return pd.DataFrame(
        {
            "programs": [place for place, _, _ in rows],
            "found_on": [profile for _, profile, _ in rows],
            "found_for": [" ".join(program.intended_heads) for _, _, program in rows],
            "program_id": [program.id for _, _, program in rows],
            "terms": [program.terms for _, _, program in rows],
            "description": [program.description for _, _, program in rows],
        }
    )
