"""The rankings of heads: in which order they are replaced, and how each is named wherever it is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranking:
    """One way to rank heads."""

    label: str
    """What goes first and how that is known."""
    short: str
    """The same in a few words."""
    heads: str
    """Completes "the heads ..."."""
    dashes: tuple[float, ...] = ()
    """Of its line in figures, on and off; drawn through if empty."""


BEST_FIT, ALONE, FISHER, GREEDY, TOGETHER = "iou", "ablation_effect", "fisher", "iterative_fisher", "joint_ablation"
RANKINGS = {
    BEST_FIT: Ranking("best fit first (validation IoU)", "best fit first", "of highest validation IoU"),
    ALONE: Ranking(
        "smallest ablation effect first (single heads, training texts)",
        "smallest ablation effect first",
        "with the smallest ablation effect",
        (3, 1.6),
    ),
    FISHER: Ranking(
        "smallest effect first (Fisher)",
        "smallest Fisher estimate first",
        "with the smallest Fisher estimate",
        (1, 1.6),
    ),
    GREEDY: Ranking(
        "smallest effect first (iterative Fisher)",
        "smallest iterative Fisher estimate first",
        "with the smallest iterative Fisher estimate",
        (6, 1.6, 1, 1.6),
    ),
    TOGETHER: Ranking(
        "smallest joint ablation effect first (random other heads replaced as well)",
        "smallest joint ablation effect first",
        "with the smallest joint ablation effect",
        (1, 1, 1, 1, 6, 1),
    ),
}
"""Every ranking of ``rankings.csv`` by its key, in the order of tables and figures."""
