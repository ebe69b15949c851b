"""Stage 10: what replacing heads costs in perplexity."""

import numpy as np
import pandas as pd

from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import read_programs
from attention_programs.scoring.assignments import assignment_of
from attention_programs.scoring.bootstrap import resample_weights
from attention_programs.scoring.selection import SELECTED
from attention_programs.stage import run_stage
from attention_programs.surrogate.choice import chosen_order
from attention_programs.surrogate.intervention import map_cache
from attention_programs.surrogate.orders import distilled_assignment, read_orders
from attention_programs.surrogate.replacement import DISTILLED, Curve, heads_at, measure_curves, shares
from attention_programs.surrogate.specification import SurrogateSpecification, write_specification
from attention_programs.surrogate.windows import cut, measured_texts

BASELINES = ("uniform", "first_token")


def main(config: Config, paths: Paths) -> None:
    """Measures the perplexity curves on test texts; distilled programs in the order that was chosen on validation."""
    settings, percent = config.replacement, config.tracking.gate_percent
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    orders = read_orders(paths.results / "orders.csv")
    best = chosen_order(paths.results / "order_choice.csv")
    records = read_programs(paths.distilled)
    distilled = {p: distilled_assignment(heads_at(orders[best], p), records, p) for p in (*settings.percents, percent)}
    loaded = load_model(paths.model, best_device())
    test = measured_texts(read_texts(paths.texts), settings)
    with Runner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = map_cache(loaded, runner)
        selected = assignment_of(SELECTED, heads, programs)
        compared = [
            Curve(SELECTED, name, shares(selected, ranked, settings.few_percents)) for name, ranked in orders.items()
        ]
        compared += [
            Curve(name, "damage", shares(assignment_of(name, heads, programs), orders["damage"], settings.few_percents))
            for name in BASELINES
        ]
        tables = []
        for texts, curves in (
            (test, [Curve(DISTILLED, best, distilled)]),
            (test[: settings.few_texts or None], compared),
        ):
            weights = resample_weights(len(texts), config.scoring.bootstrap_samples, np.random.default_rng(config.seed))
            windows = cut(loaded, texts, config.attention.max_tokens, settings.windows)
            tables.append(
                measure_curves(loaded, curves, windows, settings.batch_texts, weights, cache, settings.look_ahead)
            )
        level = runner.level
    replaced = distilled[percent]
    specification = SurrogateSpecification(
        profile=config.profile,
        model=loaded.record.name,
        weights_sha256=loaded.record.weights_sha256,
        causal=loaded.record.causal,
        order=best,
        percent=percent,
        max_tokens=config.attention.max_tokens,
        heads={str(head): replaced[head].id for head in sorted(replaced)},
        programs={program.id: program for program in replaced.values()},
        look_ahead=list(settings.look_ahead),
        sandbox=level,
    )
    write_csv(paths.results / "perplexity.csv", pd.concat(tables, ignore_index=True))
    write_specification(paths.data / "surrogate.json", specification)


if __name__ == "__main__":
    run_stage("replace", main)
