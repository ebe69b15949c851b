"""Stage 7: what replacing heads costs in perplexity."""

import numpy as np

from attention_programs.attention.store import read_maps
from attention_programs.config import Config
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import read_programs
from attention_programs.scoring.bootstrap import resample_weights
from attention_programs.scoring.selection import SELECTED
from attention_programs.stage import run_stage
from attention_programs.surrogate.damage import measure_damage
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.orders import assignment_of, damage_table, order_by_damage, order_by_iou
from attention_programs.surrogate.replacement import Curve, heads_at, measure_curves
from attention_programs.surrogate.specification import SurrogateSpecification, write_specification


def main(config: Config, paths: Paths) -> None:
    """Measures single-head damage on validation and the perplexity curves on test."""
    settings = config.replacement
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    loaded = load_model(paths.model, best_device())
    runner = Runner(config.sandbox, config.threads, loaded.token_style)
    cache = MapCache(loaded.pieces, loaded.record.causal, runner)
    selected = assignment_of(SELECTED, heads, programs)
    validation = [text.ids for text in read_maps(paths.attention, ["validation"])][: settings.damage_texts]
    test = [text.ids for text in read_maps(paths.attention, ["test"])][: settings.texts or None]
    damages = measure_damage(loaded, selected, validation, cache, settings.batch_texts, settings.look_ahead)
    orders = {"iou": order_by_iou(SELECTED, heads), "damage": order_by_damage(damages)}
    curves = [
        Curve(method, order, assignment_of(method, heads, programs), ranked)
        for method in (SELECTED, "uniform", "first_token")
        for order, ranked in orders.items()
    ]
    weights = resample_weights(len(test), config.scoring.bootstrap_samples, np.random.default_rng(config.seed))
    table = measure_curves(
        loaded, curves, settings.percents, test, settings.batch_texts, weights, cache, settings.look_ahead
    )
    chosen = heads_at(orders["damage"], config.tracking.gate_percent)
    specification = SurrogateSpecification(
        profile=config.profile,
        model=loaded.record.name,
        weights_sha256=loaded.record.weights_sha256,
        causal=loaded.record.causal,
        order="damage",
        percent=config.tracking.gate_percent,
        max_tokens=config.attention.max_tokens,
        heads={str(head): selected[head].id for head in sorted(chosen)},
        programs={selected[head].id: selected[head] for head in chosen},
        look_ahead=list(settings.look_ahead),
        sandbox=runner.level,
    )
    write_csv(paths.results / "damage.csv", damage_table(damages))
    write_csv(paths.results / "perplexity.csv", table)
    runner.close()
    write_specification(paths.data / "surrogate.json", specification)


if __name__ == "__main__":
    run_stage("replace", main)
