"""Stage 13: the perplexity with heads replaced, and the gate measurement of the surrogate to be registered."""

from collections.abc import Sequence

from attention_programs.checkpoint import Checkpoint
from attention_programs.config import Config
from attention_programs.corpora.sources import load_corpus
from attention_programs.corpora.text import Text, read_texts
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.models.precision import computed_in
from attention_programs.paths import Paths
from attention_programs.programs.methods import DISTILLED, SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.surrogate.gate import divide_validation, gate_measurement, write_gate
from attention_programs.surrogate.head_rankings import chosen_ranking, distilled_assignment, read_rankings
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.recorded_losses import record_losses
from attention_programs.surrogate.replacement import (
    REPLACING,
    Curve,
    Measured,
    curves_of,
    heads_at,
    measure_curves,
    on_texts,
    perplexity_table,
    table_of_parts,
)
from attention_programs.surrogate.specification import SurrogateSpecification, write_specification
from attention_programs.surrogate.windows import Windows, beginnings, cut, texts_of_split
from attention_programs.untrusted.execution import SandboxRunner


def main(config: Config, paths: Paths) -> None:
    """Measures every curve on the same test texts, and the registered surrogate on validation texts for the gate."""
    settings, percent = config.replacement, config.tracking.gate_percent
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    rankings = read_rankings(paths.results / "rankings.csv")
    best = chosen_ranking(paths.results / "ranking_choice.csv")
    records = read_programs(paths.distilled)
    distilled = {
        p: distilled_assignment(heads_at(rankings[best], p), records, p) for p in (*settings.percents, percent)
    }
    assignments = {name: assignment_of(name, heads, programs) for name in (SELECTED, *REPLACING)}
    curves = curves_of(Curve(DISTILLED, best, distilled), assignments, rankings, settings.comparison_percents)
    texts = read_texts(paths.texts)
    loaded = load_model(paths.model, best_device())
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = pattern_cache(loaded, runner)

        def windows_of(some: Sequence[Text]) -> Windows:
            return cut(loaded, some, config.attention.max_tokens, settings.windows)

        def measure(windows: Windows, lines: Sequence[Curve]) -> Measured:
            limits = settings.batch_texts, cache, settings.look_ahead, settings.precision
            return measure_curves(LossMeter(loaded, windows, *limits, paths.replacement), lines)

        validation = texts_of_split(texts, "validation", settings)
        held = divide_validation(validation, settings.choice_texts).gate
        gate = measure(windows_of(held), [Curve(DISTILLED, best, {percent: distilled[percent]})])
        all_test_texts = texts_of_split(texts, "test", settings)
        test_texts = all_test_texts[: settings.texts or None]
        test_windows = windows_of(test_texts)
        test = measure(test_windows, curves)
        compared = [curve for curve in curves if curve.programs in (DISTILLED, *REPLACING) or curve.ranking == best]
        of_length = {
            tokens: measure(windows, compared)
            for tokens, windows in beginnings(loaded, all_test_texts, settings.lengths, settings.length_texts).items()
        }
        corpora = dict.fromkeys(text.corpus for text in test_texts)
        of_corpus = {
            name: on_texts(test, [place for place, text in enumerate(test_texts) if text.corpus == name])
            for name in (corpora if len(corpora) > 1 else ())
        }
        for source in settings.other_corpora:
            contents = [Text("", source.name, "test", content) for content in load_corpus(source, paths.root)]
            windows = cut(loaded, contents, settings.other_tokens, settings.other_windows)
            of_corpus[source.name] = measure(windows, compared)
        level = runner.level
    Checkpoint(paths.replacement).remove()
    replaced = distilled[percent]
    specification = SurrogateSpecification(
        profile=config.profile,
        model=loaded.record.name,
        weights_sha256=loaded.record.weights_sha256,
        causal=loaded.record.causal,
        ranking=best,
        percent=percent,
        max_tokens=config.attention.max_tokens,
        heads={str(head): replaced[head].id for head in sorted(replaced)},
        programs={program.id: program for program in replaced.values()},
        look_ahead=list(settings.look_ahead),
        sandbox=level,
        recorded=record_losses(
            test_texts, test_windows, test, percent, computed_in(settings.precision, loaded.model.device.type)
        ),
    )
    samples = config.scoring.bootstrap_samples
    write_csv(paths.results / "perplexity.csv", perplexity_table(test, samples, config.seed, DISTILLED))
    by_length = table_of_parts(of_length, "tokens_per_text", samples, config.seed)
    write_csv(paths.results / "perplexity_lengths.csv", by_length)
    by_corpus = table_of_parts(of_corpus, "corpus", samples, config.seed)
    write_csv(paths.results / "perplexity_corpora.csv", by_corpus)
    write_gate(paths.results / "gate.json", gate_measurement(perplexity_table(gate, samples, config.seed), percent))
    write_specification(paths.data / "surrogate.json", specification)


if __name__ == "__main__":
    run_stage("replace", main)
