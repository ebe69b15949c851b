"""Stage 7: what replacing each head costs, and the orders of replacement that follow from it."""

import numpy as np

from attention_programs.attention.store import read_texts
from attention_programs.config import Config
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import read_programs
from attention_programs.scoring.selection import SELECTED
from attention_programs.stage import run_stage
from attention_programs.surrogate.damage import measure_damage
from attention_programs.surrogate.fisher import greedy_order
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.orders import (
    Orders,
    assignment_of,
    damage_table,
    order_by_damage,
    order_by_iou,
    order_table,
)


def main(config: Config, paths: Paths) -> None:
    """Measures single-head damage on validation texts and estimates it on training texts."""
    settings = config.replacement
    loaded = load_model(paths.model, best_device())
    heads = read_csv(paths.results / "heads.csv")
    selected = assignment_of(SELECTED, heads, read_programs(paths.programs))
    validation = [text.ids for text in read_texts(paths.attention, ["validation"])][: settings.damage_texts]
    train = [text.ids for text in read_texts(paths.attention, ["train"])]
    drawn = np.random.default_rng(config.seed).permutation(len(train))[: settings.fisher_texts]
    with Runner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = MapCache(loaded.pieces, loaded.record.causal, runner)
        damages = measure_damage(loaded, selected, validation, cache, settings.batch_texts, settings.look_ahead)
        estimated = greedy_order(
            loaded,
            selected,
            [train[i] for i in drawn],
            cache,
            settings.batch_texts,
            settings.fisher_samples,
            settings.greedy_rounds,
            config.seed,
            settings.look_ahead,
        )
    orders: Orders = {"iou": order_by_iou(SELECTED, heads), "damage": order_by_damage(damages)}
    orders |= {"fisher": estimated.first, "greedy": estimated.anew}
    write_csv(paths.results / "damage.csv", damage_table(damages))
    write_csv(paths.results / "orders.csv", order_table(orders))


if __name__ == "__main__":
    run_stage("damage", main)
