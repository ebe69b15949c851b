"""Stage 9: what replacing heads costs in perplexity."""

import numpy as np

from attention_programs.attention.store import read_texts as read_mapped
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import read_programs
from attention_programs.scoring.bootstrap import resample_weights
from attention_programs.scoring.selection import SELECTED
from attention_programs.stage import run_stage
from attention_programs.surrogate.choice import compare_orders
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.orders import assignment_of, distilled_assignment, read_orders
from attention_programs.surrogate.replacement import DISTILLED, Curve, heads_at, measure_curves
from attention_programs.surrogate.specification import SurrogateSpecification, write_specification
from attention_programs.surrogate.windows import Windows, cut

BASELINES = ("uniform", "first_token")


def main(config: Config, paths: Paths) -> None:
    """Chooses the order on validation, measures the perplexity curves on test."""
    settings, percent = config.replacement, config.tracking.gate_percent
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    orders = read_orders(paths.results / "orders.csv")
    distilled = distilled_assignment(heads, read_programs(paths.distilled))
    loaded = load_model(paths.model, best_device())
    ids = [list(text.ids) for text in read_mapped(paths.attention, ["validation"])]
    validation = Windows(ids, list(range(len(ids))))
    test = [text for text in read_texts(paths.texts) if text.split == "test"][: settings.texts or None]
    with Runner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = MapCache(loaded.pieces, loaded.record.causal, runner)
        compared = compare_orders(loaded, distilled, orders, percent, validation, settings, cache)
        best = str(compared.loc[compared["chosen"], "order"].iloc[0])
        curves = [Curve(DISTILLED, best, distilled, orders[best], settings.percents)]
        curves += [
            Curve(DISTILLED, name, distilled, ranked, settings.few_percents)
            for name, ranked in orders.items()
            if name != best
        ]
        selected = assignment_of(SELECTED, heads, programs)
        curves += [
            Curve(SELECTED, name, selected, orders[name], settings.few_percents)
            for name in dict.fromkeys(("iou", "damage", best))
        ]
        curves += [
            Curve(name, "damage", assignment_of(name, heads, programs), orders["damage"], settings.few_percents)
            for name in BASELINES
        ]
        weights = resample_weights(len(test), config.scoring.bootstrap_samples, np.random.default_rng(config.seed))
        windows = cut(loaded, test, config.attention.max_tokens, settings.windows)
        table = measure_curves(loaded, curves, windows, settings.batch_texts, weights, cache, settings.look_ahead)
        level = runner.level
    chosen = heads_at(orders[best], percent)
    specification = SurrogateSpecification(
        profile=config.profile,
        model=loaded.record.name,
        weights_sha256=loaded.record.weights_sha256,
        causal=loaded.record.causal,
        order=best,
        percent=percent,
        max_tokens=config.attention.max_tokens,
        heads={str(head): distilled[head].id for head in sorted(chosen)},
        programs={distilled[head].id: distilled[head] for head in chosen},
        look_ahead=list(settings.look_ahead),
        sandbox=level,
    )
    write_csv(paths.results / "order_choice.csv", compared)
    write_csv(paths.results / "perplexity.csv", table)
    write_specification(paths.data / "surrogate.json", specification)


if __name__ == "__main__":
    run_stage("replace", main)
