"""Stage 12: how well the patched model answers questions."""

import sys
from dataclasses import replace

from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.evaluation.accuracy import answer_table
from attention_programs.evaluation.harness import TaskScore, answer_questions, load_tasks
from attention_programs.files import write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.record import read_programs
from attention_programs.progress import progress
from attention_programs.project.stage import run_stage
from attention_programs.surrogate.head_rankings import distilled_assignment, read_rankings
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.replacement import heads_at
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
    distilled = read_programs(paths.distilled)
    ranking = read_rankings(paths.results / "rankings.csv")[read_specification(paths.data / "surrogate.json").ranking]
    scores: dict[int, list[TaskScore]] = {}
    heads: dict[int, int] = {}
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = pattern_cache(loaded, runner)
        for percent in progress(settings.percents, "questions", unit="fractions"):
            replaced = distilled_assignment(heads_at(ranking, percent), distilled, percent)
            heads[percent] = len(replaced)
            with PatchedModel(loaded, replaced, cache, config.replacement.look_ahead) as patched:
                scores[percent] = answer_questions(
                    patched.model,
                    patched.tokenizer,
                    tasks,
                    settings.limit,
                    settings.batch_size,
                    config.replacement.precision,
                )
    write_csv(paths.results / "qa.csv", answer_table(scores, heads, config.scoring.bootstrap_samples, config.seed))


if __name__ == "__main__":
    run_stage("evaluate", main)
