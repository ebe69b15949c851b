"""Stage 8: what kind of thing each head's program does, by its terms and by its behaviour."""

import numpy as np

from attention_programs.attention.pattern_store import read_index, read_texts
from attention_programs.categories.category_table import category_table, cluster_table
from attention_programs.categories.clusters import stable_clusters
from attention_programs.categories.contributions import contributions
from attention_programs.categories.similarity import pattern_similarity
from attention_programs.config import Config
from attention_programs.corpora.text import evenly_spaced
from attention_programs.files import read_csv, write_csv
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.programs.view import TokenView
from attention_programs.progress import progress
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.untrusted.execution import SandboxRunner


def main(config: Config, paths: Paths) -> None:
    """Writes each head's category and cluster, the clusters, and how stable each number of clusters is."""
    settings, index = config.categories, read_index(paths.attention)
    selected = assignment_of(SELECTED, read_csv(paths.results / "heads.csv"), read_programs(paths.programs))
    programs = list({program.id: program for program in selected.values()}.values())
    texts = evenly_spaced(read_texts(paths.attention, ["validation"]), settings.texts)
    views = [TokenView.of(text) for text in texts]
    contributed = {
        program.id: contributions(program, views)
        for program in progress(programs, "categories of programs", unit="programs")
    }
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        similarity = pattern_similarity(programs, progress(texts, "behaviour of programs", unit="texts"), runner)
    smallest, largest = settings.clusters
    clustering = stable_clusters(
        similarity, range(smallest, largest + 1), settings.splits, np.random.default_rng(config.seed)
    )
    categories = category_table(selected, contributed, [program.id for program in programs], clustering)
    write_csv(paths.results / "categories.csv", categories)
    write_csv(paths.results / "clusters.csv", cluster_table(categories))
    write_csv(paths.results / "cluster_stability.csv", clustering.stability)


if __name__ == "__main__":
    run_stage("categories", main)
