"""Stage 8: what replacing each head costs, and the orders of replacement that follow from it."""

import numpy as np

from attention_programs.attention.store import read_texts
from attention_programs.config import Config
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.table import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.surrogate.choice import compare_orders
from attention_programs.surrogate.damage import measure_damage
from attention_programs.surrogate.fisher import greedy_order
from attention_programs.surrogate.gate import divide_validation
from attention_programs.surrogate.intervention import PatchedModel, map_cache
from attention_programs.surrogate.orders import Orders, damage_table, order_by_damage, order_by_iou, order_table
from attention_programs.surrogate.rankings import ALONE, BEST_FIT, FISHER, GREEDY, TOGETHER
from attention_programs.surrogate.together import order_together
from attention_programs.surrogate.windows import Windows, of_corpus
from attention_programs.untrusted.execution import SandboxRunner


def main(config: Config, paths: Paths) -> None:
    """Ranks heads by what replacing them costs on training texts, and chooses the best ranking on validation texts."""
    settings = config.replacement
    loaded = load_model(paths.model, best_device())
    heads = read_csv(paths.results / "heads.csv")
    selected = assignment_of(SELECTED, heads, read_programs(paths.programs))
    validation = [list(text.ids) for text in of_corpus(read_texts(paths.attention, ["validation"]), settings.corpus)]
    train = [text.ids for text in of_corpus(read_texts(paths.attention, ["train"]), settings.corpus)]
    generator = np.random.default_rng(config.seed)
    drawn = [train[i] for i in generator.permutation(len(train))]
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = map_cache(loaded, runner)
        single = measure_damage(
            loaded,
            selected,
            drawn[: settings.damage_texts],
            cache,
            settings.batch_texts,
            settings.look_ahead,
            settings.precision,
        )
        estimated = greedy_order(
            loaded,
            selected,
            drawn[: settings.fisher_texts],
            cache,
            settings.fisher_samples,
            settings.greedy_rounds,
            config.seed,
            settings.look_ahead,
        )
        orders: Orders = {BEST_FIT: order_by_iou(SELECTED, heads), ALONE: order_by_damage(single.heads)}
        with PatchedModel(loaded, selected, cache, settings.look_ahead) as patched:
            together = order_together(
                patched,
                estimated.anew,
                train,
                settings.together_draws,
                settings.together_texts,
                config.distillation.precision,
                generator,
            )
        orders |= {FISHER: estimated.first, GREEDY: estimated.anew, TOGETHER: together}
        few = divide_validation(validation, settings.choice_texts).choice
        windows = Windows(few, list(range(len(few))))
        percents = [percent for percent in config.distillation.percents if percent < 100] or [100]
        compared = compare_orders(loaded, selected, orders, percents, windows, settings, cache)
    print(f"effects of single heads: {single.texts} texts, reliability of their ranking {single.reliability:.2f}")
    write_csv(paths.results / "damage.csv", damage_table(single))
    write_csv(paths.results / "orders.csv", order_table(orders))
    write_csv(paths.results / "order_choice.csv", compared)


if __name__ == "__main__":
    run_stage("damage", main)
