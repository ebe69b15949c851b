"""Every head's category and cluster, and how far the two ways to group heads agree."""

from collections.abc import Mapping, Sequence

import pandas as pd

from attention_programs.categories.clusters import Clustering
from attention_programs.categories.contributions import Contributions
from attention_programs.categories.kinds import CATEGORIES, TERM_CATEGORIES
from attention_programs.scoring.assignments import Assignment


def cluster_names(categories: Sequence[str], labels: Sequence[int]) -> dict[int, str]:
    """Each cluster's most frequent category; if tied, the first of the registry.

    >>> cluster_names(["sink", "mixed", "sink", "position"], [0, 0, 0, 1])
    {0: 'sink', 1: 'position'}
    """
    order = list(CATEGORIES)
    found = {}
    for cluster in sorted(set(labels)):
        own = [category for category, label in zip(categories, labels, strict=True) if label == cluster]
        found[cluster] = min(set(own), key=lambda category: (-own.count(category), order.index(category)))
    return found


def category_table(
    assignment: Assignment, contributed: Mapping[str, Contributions], programs: Sequence[str], clustering: Clustering
) -> pd.DataFrame:
    """One row per head: the category of its program, what each category contributes, and its cluster.

    Args:
        assignment: Each head's program.
        contributed: By program id.
        programs: Ids of the clustered programs, in the order of the clusters' labels.
        clustering: The clusters.
    """
    cluster = dict(zip(programs, clustering.labels.tolist(), strict=True))
    rows = []
    for head, program in assignment.items():
        own = contributed[program.id]
        rows.append(
            {
                "head": str(head),
                "program_id": program.id,
                "category": own.category,
                "besides_sink": own.besides_sink,
                "cluster": cluster[program.id],
                **{f"share_{category}": own.shares[category] for category in TERM_CATEGORIES},
                "uniformity": own.uniformity,
            }
        )
    return pd.DataFrame(rows)


def cluster_table(categories: pd.DataFrame) -> pd.DataFrame:
    """One row per cluster: its heads, its most frequent category, and what share of its heads has that category.

    ``adjusted_rand``, the same in every row, says how well clusters and categories agree over heads: 1 if they are the
    same groups, 0 if they agree as by chance.

    Args:
        categories: From :func:`category_table`.
    """
    from sklearn.metrics import adjusted_rand_score  # takes a second to import

    names = cluster_names(categories["category"].tolist(), categories["cluster"].tolist())
    agreement = float(adjusted_rand_score(categories["category"], categories["cluster"]))
    rows = []
    for cluster, name in names.items():
        own = categories[categories["cluster"] == cluster]
        rows.append(
            {
                "cluster": cluster,
                "heads": len(own),
                "category": name,
                "share": float((own["category"] == name).mean()),
                "adjusted_rand": agreement,
            }
        )
    return pd.DataFrame(rows)
