"""Stage 16: the report with its figures, and the summary."""

from attention_programs.config import Config
from attention_programs.files import write_json
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage
from attention_programs.report.page import write_report
from attention_programs.report.summary import summarise


def main(config: Config, paths: Paths) -> None:
    """Writes the report and the flat summary."""
    write_json(paths.results / "summary.json", summarise(paths.results))
    print(f"report: {write_report(config, paths)}")


if __name__ == "__main__":
    run_stage("report", main)
