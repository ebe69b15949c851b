"""The head rankings: the orders in which heads are replaced, and their names wherever they are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranking:
    """One way to rank heads."""

    label: str
    """Which heads go first, and how that is measured."""
    short: str
    """The same in a few words."""
    heads: str
    """Completes "the heads ..."."""
    dashes: tuple[float, ...] = ()
    """Dash pattern of its curve in figures, on and off; solid if empty."""


BEST_FIT, ALONE, FISHER, GREEDY, TOGETHER = "iou", "ablation_effect", "fisher", "iterative_fisher", "joint_ablation"
RANKINGS = {
    BEST_FIT: Ranking("best fit first (validation IoU)", "best fit first", "with the highest validation IoU"),
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
