"""The search's programs, shown in a notebook."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from attention_programs.api.patterns import Patterns
from attention_programs.api.pictures import pattern_svg
from attention_programs.api.program import Program
from attention_programs.api.scores import Score, score
from attention_programs.config import SynthesisSettings
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import best_device
from attention_programs.programs.code_generation import emit
from attention_programs.programs.run_result import Scored
from attention_programs.sparse_search.search import Search, SearchData

Budget = Literal["quick", "full"]
BUDGETS: Mapping[Budget, Mapping[str, Any]] = {
    "quick": {"sample_texts": 24, "fit_texts": 40, "swap_rounds": 0, "spare_terms": 2, "fine_tune_steps": 8},
    "full": {"sample_texts": 100, "fit_texts": 300, "swap_rounds": 2, "spare_terms": 4, "fine_tune_steps": 20},
}


@dataclass(frozen=True)
class HeadResult:
    """What the search found for one head."""

    head: Head
    program: Program
    iou_validation: float
    """On the validation texts, on which the number of terms was chosen."""
    patterns: Patterns

    @cached_property
    def score(self) -> Score:
        """How well the program predicts the head on test texts."""
        return score(self.program, self.patterns, self.head)

    def __str__(self) -> str:
        return f"{self.head}: {self.program.description}\n{self.score}\n\n{self.program}"

    def _repr_html_(self) -> str:
        shown = self.patterns.test.complete
        view, true = shown.view(0), shown.pattern(self.head)
        outcome = self.program.run(view)
        drawings = [pattern_svg(true, view.token_strings, f"{self.head} on a test text")]
        if isinstance(outcome, Scored):
            drawings.append(pattern_svg(outcome.weights, view.token_strings, "its program's prediction"))
        return (
            f"<h4>{self.head}</h4><p>{html.escape(str(self.score))}</p>"
            f"<pre><code>{html.escape(str(self.program))}</code></pre>{''.join(drawings)}"
        )


@dataclass(frozen=True)
class SearchResult:
    """One program for each head."""

    results: Mapping[Head, HeadResult]
    patterns: Patterns

    def __getitem__(self, head: str | Head) -> HeadResult:
        found = Head.parse(head) if isinstance(head, str) else head
        if found not in self.results:
            raise UserError(f"head {found} was not searched; there are {len(self.results)}, such as {next(iter(self))}")
        return self.results[found]

    def __iter__(self) -> Iterator[Head]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def best(self, fraction: float) -> dict[str | Head, Program]:
        """The programs that fit their heads best on validation texts, ready for :meth:`Model.replace`.

        Args:
            fraction: Fraction of the heads, 0 to 1.
        """
        if not 0 <= fraction <= 1:
            raise UserError(f"fraction is {fraction}; give a number from 0 to 1")
        order = sorted(self.results.values(), key=lambda result: (-result.iou_validation, result.head))
        return {result.head: result.program for result in order[: round(fraction * len(order))]}

    def plot(self) -> Any:
        """Validation IoU of every head, layers by heads.

        Returns:
            A matplotlib figure.

        Raises:
            UserError: if matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise UserError("plot needs matplotlib; install attention-programs[report]") from error
        layers, heads = (1 + max(values) for values in zip(*((h.layer, h.index) for h in self), strict=True))
        grid = np.full((layers, heads), np.nan)
        for head, result in self.results.items():
            grid[head.layer, head.index] = result.iou_validation
        figure = Figure(figsize=(2 + heads / 3, 2 + layers / 4), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axes.set(xlabel="head", ylabel="layer", title="IoU on validation texts")
        figure.colorbar(image, ax=axes)
        return figure

    def __repr__(self) -> str:
        mean = np.mean([result.iou_validation for result in self.results.values()])
        return f"<SearchResult: programs for {len(self)} heads, mean IoU on validation texts {mean:.3f}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{head}</td><td>{result.iou_validation:.3f}</td>"
            f"<td style='text-align:left'>{html.escape(result.program.description)}</td></tr>"
            for head, result in self.results.items()
        )
        columns = "<tr><th>head</th><th>IoU, validation</th><th>its program</th></tr>"
        return f"<p>{html.escape(repr(self))}</p><table>{columns}{rows}</table>"


def search(
    patterns: Patterns, *, max_terms: int = 8, budget: Budget = "quick", heads: Sequence[str | Head] | None = None
) -> SearchResult:
    """Finds a program for every head: a softmax of a sum of vocabulary terms.

    Terms and coefficients are fitted on ``train``; the number of terms is chosen on ``validation``.

    Args:
        patterns: From :meth:`Model.attention`, with texts of both splits.
        max_terms: Maximum number of terms: fewer read better, more fit better.
        budget: ``quick`` chooses terms on 24 texts, in a minute for a small model; ``full`` is what the pipeline does.
        heads: Heads to explain; by default all that the patterns have.

    Raises:
        UserError: if the budget is unknown, a head is missing, or there are no training or validation texts.
    """
    if budget not in BUDGETS:
        raise UserError(f"budget {budget!r} is unknown; give one of {', '.join(BUDGETS)}")
    chosen = patterns if heads is None else patterns.of_heads(heads)
    train, validation = chosen.train.mapped, chosen.validation.mapped
    if not train or not validation:
        raise UserError(
            f"the patterns have {len(train)} train and {len(validation)} validation texts; give texts of both splits, "
            "such as every sixth (texts[::6])"
        )
    settings = SynthesisSettings(**{**BUDGETS[budget], "max_terms": max_terms})
    found = Search(SearchData(train, validation, settings, best_device())).run()
    results = {
        head: HeadResult(head, Program(emit(each.terms), f"search {head}"), each.iou_validation, chosen)
        for head, each in zip(chosen.heads, found.programs, strict=True)
    }
    return SearchResult(results, chosen)
