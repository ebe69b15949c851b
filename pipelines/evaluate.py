"""Stage 15: how well the patched model answers questions."""

import sys
from dataclasses import replace

from attention_programs.checkpoint import Checkpoint
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.evaluation.accuracy import answer_table, control_answer_table
from attention_programs.evaluation.answers import Answers
from attention_programs.evaluation.harness import load_tasks
from attention_programs.evidence.conditions import DRAWN
from attention_programs.evidence.control_draws import read_first_draw
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.record import read_programs
from attention_programs.progress import progress
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import Assignment, assignment_of
from attention_programs.surrogate.head_rankings import distilled_assignment, read_rankings
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.replacement import heads_at, replaced_at
from attention_programs.surrogate.specification import read_specification
from attention_programs.untrusted.execution import SandboxRunner


def main(config: Config, paths: Paths) -> None:
    """Runs every task at every fraction of heads replaced, by the ranking chosen on validation."""
    settings = config.evaluation
    folder = paths.data / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_model(paths.model, best_device())
    if settings.tasks and not loaded.record.causal:
        left_out = ", ".join(settings.tasks)
        print(
            f"{loaded.record.name} is an encoder, which gives answers no likelihood; skipped: {left_out}",
            file=sys.stderr,
        )
        settings = replace(settings, tasks=())
    tasks = load_tasks(settings, read_texts(paths.texts), folder, config.seed, paths.root)
    distilled, programs = read_programs(paths.distilled), read_programs(paths.programs)
    ranking = read_rankings(paths.results / "rankings.csv")[read_specification(paths.data / "surrogate.json").ranking]

    def of_condition(condition: str) -> Assignment:
        if condition in DRAWN:
            return read_first_draw(paths.control_programs, condition, programs)
        return assignment_of(condition, read_csv(paths.results / "heads.csv"), programs)

    own = {p: distilled_assignment(heads_at(ranking, p), distilled, p) for p in settings.percents}
    controls: dict[tuple[str, int], Assignment] = {
        (condition, percent): assignment
        for condition in settings.controls
        for percent, assignment in replaced_at(of_condition(condition), ranking, settings.control_percents).items()
    }
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache, replacement = pattern_cache(loaded, runner), config.replacement
        answers = Answers(loaded, tasks, settings, replacement.precision, cache, replacement.look_ahead, paths.answers)
        scores = {percent: answers.of(own[percent]) for percent in progress(list(own), "answers", unit="fractions")}
        of_controls = {key: answers.of(controls[key]) for key in progress(list(controls), "controls", unit="controls")}
    samples, heads = config.scoring.bootstrap_samples, {percent: len(each) for percent, each in own.items()}
    write_csv(paths.results / "qa.csv", answer_table(scores, heads, samples, config.seed))
    write_csv(
        paths.results / "qa_controls.csv", control_answer_table(of_controls, scores.get(0, []), samples, config.seed)
    )
    Checkpoint(paths.answers).remove()


if __name__ == "__main__":
    run_stage("evaluate", main)
