"""Stage 6: scores of every program against every head on validation and test texts."""

from attention_programs.attention.pattern_store import read_index, read_patterns, read_texts
from attention_programs.config import Config
from attention_programs.corpora.text import Split
from attention_programs.files import write_json
from attention_programs.models.loading import best_device
from attention_programs.paths import Paths
from attention_programs.programs.record import read_programs
from attention_programs.programs.view import TokenView
from attention_programs.progress import progress
from attention_programs.project.stage import run_stage
from attention_programs.scoring.first_pass import first_pass
from attention_programs.scoring.score_table import score_texts, write_scores
from attention_programs.scoring.score_tasks import ScoreJob, ScoreText, score_text
from attention_programs.scoring.workers import Workers
from attention_programs.tasks import run_tasks, workplace
from attention_programs.untrusted.cluster_runner import ClusterRunner, FinishedOnCluster
from attention_programs.untrusted.execution import SandboxRunner

SPLITS: tuple[Split, ...] = ("validation", "test")


def main(config: Config, paths: Paths) -> None:
    """Writes the score table."""
    programs = read_programs(paths.programs)
    index = read_index(paths.attention)
    views = [TokenView.of(text) for text in read_texts(paths.attention, SPLITS)]
    workers = Workers(config.threads, config.scoring.memory_mib, best_device())
    with (
        workplace(paths.root) as place,
        SandboxRunner(config.sandbox, config.threads, index.token_style) as sandbox,
    ):
        runner = ClusterRunner(sandbox, place) if place.is_cluster else sandbox
        look_ahead = config.replacement.look_ahead
        first = first_pass(programs, paths.attention, index, runner, paths.outcomes, look_ahead, workers)
        running = [program for program in programs if program.id not in first.ruled_out]
        finished = runner.finish(running, views, paths.outcomes)
        if isinstance(first.finished, FinishedOnCluster) and isinstance(finished, FinishedOnCluster):
            outcomes = first.finished.job, finished.job
            job = ScoreJob(paths.attention.absolute(), SPLITS, paths.programs.absolute(), *outcomes, workers)
            tables = run_tasks(score_text, [ScoreText(job, n) for n in range(len(views))], place, "scoring", "texts")
        else:
            scored = score_texts(read_patterns(paths.attention, SPLITS), programs, first.before(finished), workers)
            tables = progress(scored, "scoring", len(views), "texts")
        counts = write_scores(paths.scores, tables)
        write_json(paths.results / "scoring.json", {"runs_by_status": counts, "sandbox": runner.level})
    finished.remove()


if __name__ == "__main__":
    run_stage("score", main)
