"""Stage 10: the effect of replacing each head, and the head rankings that follow from it."""

import numpy as np

from attention_programs.attention.pattern_store import read_texts
from attention_programs.config import Config
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.surrogate.ablation import measure_ablation_effects
from attention_programs.surrogate.fisher import iterative_fisher_rankings
from attention_programs.surrogate.gate import divide_validation
from attention_programs.surrogate.head_rankings import (
    HeadRankings,
    ablation_table,
    compare_rankings,
    rank_by_ablation_effect,
    rank_by_iou,
    ranking_table,
)
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.joint_ablation import rank_by_joint_ablation
from attention_programs.surrogate.rankings import ALONE, BEST_FIT, FISHER, GREEDY, TOGETHER
from attention_programs.surrogate.windows import Windows, of_corpus
from attention_programs.untrusted.execution import SandboxRunner


def main(config: Config, paths: Paths) -> None:
    """Ranks heads by the effect of replacing them on training texts, and chooses a ranking on validation texts."""
    settings = config.replacement
    loaded = load_model(paths.model, best_device())
    heads = read_csv(paths.results / "heads.csv")
    selected = assignment_of(SELECTED, heads, read_programs(paths.programs))
    validation = [list(text.ids) for text in of_corpus(read_texts(paths.attention, ["validation"]), settings.corpus)]
    train = [text.ids for text in of_corpus(read_texts(paths.attention, ["train"]), settings.corpus)]
    generator = np.random.default_rng(config.seed)
    drawn = [train[i] for i in generator.permutation(len(train))]
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = pattern_cache(loaded, runner)
        single = measure_ablation_effects(
            loaded,
            selected,
            drawn[: settings.ablation_texts],
            cache,
            settings.batch_texts,
            settings.look_ahead,
            settings.precision,
        )
        estimated = iterative_fisher_rankings(
            loaded,
            selected,
            drawn[: settings.fisher_texts],
            cache,
            settings.fisher_samples,
            settings.iterative_fisher_rounds,
            config.seed,
            settings.look_ahead,
        )
        rankings: HeadRankings = {BEST_FIT: rank_by_iou(SELECTED, heads), ALONE: rank_by_ablation_effect(single.heads)}
        with PatchedModel(loaded, selected, cache, settings.look_ahead) as patched:
            joint_ablation = rank_by_joint_ablation(
                patched,
                estimated.iterative,
                train,
                settings.joint_ablation_draws,
                settings.joint_ablation_texts,
                config.distillation.precision,
                generator,
            )
        rankings |= {FISHER: estimated.first, GREEDY: estimated.iterative, TOGETHER: joint_ablation}
        few = divide_validation(validation, settings.choice_texts).choice
        windows = Windows(few, list(range(len(few))))
        percents = [percent for percent in config.distillation.percents if percent < 100] or [100]
        compared = compare_rankings(loaded, selected, rankings, percents, windows, settings, cache)
    print(f"ablation effects of heads: {single.texts} texts, reliability of the ranking {single.reliability:.2f}")
    write_csv(paths.results / "ablation_effect.csv", ablation_table(single))
    write_csv(paths.results / "rankings.csv", ranking_table(rankings))
    write_csv(paths.results / "ranking_choice.csv", compared)


if __name__ == "__main__":
    run_stage("ablation", main)
