"""Stage 12: the coefficients of all heads, fitted jointly to preserve the model's predictions."""

import numpy as np

from attention_programs.attention.pattern_store import read_index, read_patterns, read_texts
from attention_programs.config import Config
from attention_programs.corpora.text import Split
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import read_programs, write_programs
from attention_programs.programs.view import TokenView
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.surrogate.distillation import Distiller
from attention_programs.surrogate.distilled import SPREAD_TEXTS, Objective, distilled_programs, fit_of_objectives
from attention_programs.surrogate.head_rankings import chosen_ranking, read_rankings
from attention_programs.surrogate.replacement import replaced_at
from attention_programs.surrogate.windows import of_corpus
from attention_programs.untrusted.execution import SandboxRunner

FITTED_SPLITS: tuple[Split, ...] = ("train", "validation")


def main(config: Config, paths: Paths) -> None:
    """Writes the distilled programs for each fraction replaced, the loss curve, and the fit under both objectives."""
    settings = config.distillation
    loaded = load_model(paths.model, best_device())
    index = read_index(paths.attention)
    selected = assignment_of(SELECTED, read_csv(paths.results / "heads.csv"), read_programs(paths.programs))
    ranking = read_rankings(paths.results / "rankings.csv")[chosen_ranking(paths.results / "ranking_choice.csv")]
    train, validation = (
        of_corpus(read_texts(paths.attention, [split]), config.replacement.corpus) for split in FITTED_SPLITS
    )
    generator = np.random.default_rng(config.seed)
    few = [validation[i].ids for i in generator.permutation(len(validation))[: settings.check_texts]]
    distiller = Distiller(loaded, selected, ranking, [text.ids for text in train], few, settings, generator)
    found = distiller.run(paths.distillation)
    views = [TokenView.of(text) for text in train[:SPREAD_TEXTS]]
    objectives = []
    for percent, replaced in replaced_at(selected, ranking, settings.percents).items():
        distilled = distilled_programs(replaced, percent, found.coefficients[percent], views, settings)
        objectives += [Objective("attention_loss", percent, replaced), Objective("output_kl_loss", percent, distilled)]
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        fit = fit_of_objectives(objectives, read_patterns(paths.attention, ["test"]), index, runner)
    causal = [objective for objective in objectives if objective.name == "output_kl_loss"]
    write_programs(paths.distilled, [program for objective in causal for program in objective.assignment.values()])
    write_csv(paths.results / "distillation.csv", found.curve)
    write_csv(paths.results / "objectives.csv", fit)


if __name__ == "__main__":
    run_stage("distil", main)
