"""Stage 14: the perplexity with wrong programs, drawn in several ways, beside that with the right ones."""

from attention_programs.attention.pattern_store import read_index
from attention_programs.attention.pattern_store import read_texts as read_sequences
from attention_programs.checkpoint import Checkpoint
from attention_programs.config import Config
from attention_programs.corpora.text import Split, evenly_spaced, read_texts
from attention_programs.evidence.conditions import CORRECT, MEAN, ZERO
from attention_programs.evidence.control_curves import ControlMeasurement, area_table, control_table, measure_controls
from attention_programs.evidence.control_draws import Draws, first_draws, refitted
from attention_programs.evidence.library import Library
from attention_programs.evidence.refitting import Refitter
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import FIRST_TOKEN, FITTED_SINK_SELF, SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.scoring.score_table import read_scores
from attention_programs.surrogate.constant_output import Replaced, zero_outputs
from attention_programs.surrogate.head_rankings import chosen_ranking, read_rankings
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.mean_outputs import mean_outputs
from attention_programs.surrogate.windows import cut, of_corpus, texts_of_split
from attention_programs.untrusted.execution import SandboxRunner

CHOSEN_AND_REPORTED: tuple[Split, ...] = ("validation", "test")


def main(config: Config, paths: Paths) -> None:
    """Writes the perplexity under every condition, the areas under the curves, and the first draw of each."""
    measured = _measured(config, paths) if config.controls.percents else ControlMeasurement([], [])
    samples = config.scoring.bootstrap_samples
    write_csv(paths.results / "controls.csv", control_table(measured, samples, config.seed))
    write_csv(paths.results / "control_areas.csv", area_table(measured, samples, config.seed))
    write_csv(paths.control_programs, first_draws([each.control for each in measured.controls]))
    Checkpoint(paths.controls).remove()


def _measured(config: Config, paths: Paths) -> ControlMeasurement:
    settings, replacement = config.controls, config.replacement
    loaded, index = load_model(paths.model, best_device()), read_index(paths.attention)
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    ranking = read_rankings(paths.results / "rankings.csv")[chosen_ranking(paths.results / "ranking_choice.csv")]
    methods = {name: assignment_of(name, heads, programs) for name in (SELECTED, FITTED_SINK_SELF, FIRST_TOKEN)}
    train = [text.ids for text in of_corpus(read_sequences(paths.attention, ["train"]), replacement.corpus)]
    test = evenly_spaced(texts_of_split(read_texts(paths.texts), "test", replacement), settings.texts)
    means = mean_outputs(
        loaded, evenly_spaced(train, config.effects.mean_texts), replacement.batch_texts, replacement.precision
    )
    fixed: dict[str, Replaced] = {
        CORRECT: methods[SELECTED],
        FITTED_SINK_SELF: methods[FITTED_SINK_SELF],
        FIRST_TOKEN: methods[FIRST_TOKEN],
        MEAN: means,
        ZERO: zero_outputs(loaded, ranking),
    }
    refitter = Refitter.of(loaded, ranking, train, config.distillation, settings, config.seed)
    compared = evenly_spaced(read_sequences(paths.attention, ["validation"]), config.categories.texts)
    validation, tested = (read_scores(paths.scores, split) for split in CHOSEN_AND_REPORTED)
    windows = cut(loaded, test, config.attention.max_tokens, 1)
    how = replacement.look_ahead, replacement.precision, paths.controls
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        library = Library.of(programs, methods[SELECTED], compared, validation, index, runner, replacement.look_ahead)
        draws = Draws(library, ranking, tested, settings, config.seed)
        controls = draws.all(fixed)
        controls += refitted(controls, settings, lambda programs: refitter.refitted(programs, paths.controls))
        meter = LossMeter(loaded, windows, replacement.batch_texts, pattern_cache(loaded, runner), *how)
        return measure_controls(meter, controls)


if __name__ == "__main__":
    run_stage("controls", main)
