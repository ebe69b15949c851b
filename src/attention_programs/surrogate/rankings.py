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


BEST_FIT, ALONE, FISHER, GREEDY, TOGETHER = "iou", "damage", "fisher", "greedy", "together"
RANKINGS = {
    BEST_FIT: Ranking("best fit first (validation IoU)", "best fit first", "of highest validation IoU"),
    ALONE: Ranking(
        "least damage first (measured alone, on training texts)",
        "least damage first",
        "of least damage when replaced alone",
        (3, 1.6),
    ),
    FISHER: Ranking(
        "least damage first (Fisher estimate)", "least estimated damage first", "of lowest estimated damage", (1, 1.6)
    ),
    GREEDY: Ranking(
        "least damage first (Fisher estimate made again on the way)",
        "the same, estimated again",
        "of lowest estimated damage, estimated again on the way",
        (6, 1.6, 1, 1.6),
    ),
    TOGETHER: Ranking(
        "least damage first (measured with random others replaced as well)",
        "least damage in company first",
        "of least damage when others are replaced as well",
        (1, 1, 1, 1, 6, 1),
    ),
}
"""Every ranking of ``orders.csv`` by its key, in the order of tables and figures."""
