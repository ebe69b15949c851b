"""Stage 9: how program size, sharing, corpora and text length affect the fit."""

from attention_programs.attention.pattern_store import read_index, read_patterns
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import FIRST_TOKEN, FITTED_AT, FITTED_SINK_SELF, SEARCH, SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.progress import progress
from attention_programs.project.stage import run_stage
from attention_programs.scoring.analysis_table import AnalysisScores, analysis_table
from attention_programs.scoring.assignments import assignment_of, score_assignments
from attention_programs.scoring.attention_shares import behaviour_table
from attention_programs.scoring.length_table import length_table, texts_of_lengths
from attention_programs.scoring.size_comparison import compare_equal_size
from attention_programs.sparse_search.analyses import read_analyses
from attention_programs.untrusted.execution import SandboxRunner

BASELINES = (FITTED_SINK_SELF, FIRST_TOKEN)


def main(config: Config, paths: Paths) -> None:
    """Writes the tables of analyses (on validation and test), programs of equal size, behaviour and lengths."""
    index, samples = read_index(paths.attention), config.scoring.bootstrap_samples
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    methods = {name: assignment_of(name, heads, programs) for name in (SELECTED, *BASELINES)}
    analyses = methods | {analysis.name: analysis.programs for analysis in read_analyses(paths.analyses)}
    test, validation = (list(read_patterns(paths.attention, [split])) for split in ("test", "validation"))
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        on_validation, on_test = (
            AnalysisScores(
                score_assignments(analyses, progress(texts, f"scoring analyses, {name}", unit="texts"), index, runner),
                [text.corpus for text in texts],
            )
            for name, texts in (("validation", validation), ("test", test))
        )
        table = analysis_table(analyses, on_validation, on_test, samples, config.seed)
        write_csv(paths.results / "analyses.csv", table)
        searched = assignment_of(SEARCH, heads, programs)
        longer = compare_equal_size(read_programs(paths.equal_size), programs, searched, test, index, runner)
        write_csv(paths.results / "equal_size.csv", longer)
        write_csv(paths.results / "behaviour.csv", behaviour_table(test, index))
        whole = [text for text in read_texts(paths.texts) if text.split == "test"]
        lengths = texts_of_lengths(load_model(paths.model, best_device()), whole, index, config.scoring)
        of_lengths = {name: programs for name, programs in analyses.items() if name.startswith(FITTED_AT)}
        table = length_table(methods | of_lengths, lengths, index, runner, samples, config.seed)
        write_csv(paths.results / "lengths.csv", table)


if __name__ == "__main__":
    run_stage("analyse", main)
