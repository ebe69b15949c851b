"""Groups of programs that behave alike, and how many such groups are stable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

Labels = NDArray[np.int64]

KEPT = 0.8
"""Share of the programs in each subsample."""


def clusters_of(similarity: NDArray[np.floating], count: int) -> Labels:
    """Agglomerative clustering with average linkage on the distance 1 - similarity.

    Args:
        similarity: Shape (programs, programs), symmetric.
        count: Largest number of clusters.

    Returns:
        The number of each program's cluster from 0, the largest cluster first, shape (programs,).

    >>> alike = np.array([[1, 0.1, 0.2], [0.1, 1, 0.9], [0.2, 0.9, 1]])
    >>> clusters_of(alike, 2).tolist()
    [1, 0, 0]
    """
    if len(similarity) < 2:
        return np.zeros(len(similarity), dtype=np.int64)
    distance = 1 - (similarity + similarity.T) / 2
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), count, criterion="maxclust")
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda place: (-sizes[place], first[place]))
    place = {int(names[each]): number for number, each in enumerate(order)}
    return np.array([place[int(label)] for label in labels], dtype=np.int64)


@dataclass(frozen=True)
class Clustering:
    """The clusters of programs, and how stable each number of clusters was."""

    labels: Labels
    """Shape (programs,)."""
    stability: pd.DataFrame
    """One row per number of clusters: the mean adjusted Rand index of ``clusters_of`` on two subsamples."""

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(set(self.labels.tolist()))


def stable_clusters(
    similarity: NDArray[np.floating], counts: Sequence[int], splits: int, generator: np.random.Generator
) -> Clustering:
    """Chooses the number of clusters that is found again most reliably (Ben-Hur et al., 2002).

    Each time two subsamples of the programs are clustered, one by its behaviour on one half of the texts and the other
    on the other half; the adjusted Rand index says how well the clusters of the programs in both agree.

    Args:
        similarity: Shape (texts, programs, programs).
        counts: Numbers of clusters to try; of equally stable ones the largest is taken.
        splits: How often subsamples are drawn.
        generator: Draws them.
    """
    from sklearn.metrics import adjusted_rand_score  # takes a second to import

    texts, programs = similarity.shape[:2]
    counts = [count for count in counts if count < programs] or [1]
    found: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(splits):
        halves = np.array_split(generator.permutation(texts), 2) if texts > 1 else [np.arange(texts)] * 2
        samples = [np.sort(generator.permutation(programs)[: max(2, round(KEPT * programs))]) for _ in halves]
        both = np.intersect1d(samples[0], samples[1])
        of_samples = [
            similarity[half].mean(axis=0)[np.ix_(sample, sample)] for half, sample in zip(halves, samples, strict=True)
        ]
        for count in counts:
            first, second = (
                clusters_of(own, count)[np.searchsorted(sample, both)]
                for own, sample in zip(of_samples, samples, strict=True)
            )
            found[count].append(float(adjusted_rand_score(first, second)))
    rows = [(count, np.mean(each), np.std(each)) for count, each in found.items()]
    stability = pd.DataFrame(rows, columns=["clusters", "stability", "spread"])
    best = stability["clusters"][stability["stability"].round(3) == stability["stability"].round(3).max()].max()
    return Clustering(
        clusters_of(similarity.mean(axis=0), int(best)), stability.assign(chosen=lambda t: t["clusters"] == best)
    )
