"""A project's folder, and where each stage's files are in it."""

from dataclasses import dataclass
from pathlib import Path

from attention_programs.config import Config
from attention_programs.errors import UserError


@dataclass(frozen=True)
class Paths:
    """Where each stage's files are."""

    root: Path
    """The project's folder; relative paths in the settings start here."""
    model: Path
    data: Path
    results: Path
    report: Path

    @classmethod
    def of(cls, config: Config, root: Path) -> "Paths":
        """The paths of a profile."""
        return cls(
            root=root,
            model=root / "models" / config.model.name,
            data=root / "data" / config.profile,
            results=root / "results" / config.profile,
            report=root / "reports" / config.profile,
        )

    @property
    def texts(self) -> Path:
        """The texts with their splits, JSONL."""
        return self.data / "texts.jsonl"

    @property
    def attention(self) -> Path:
        """The folder of attention patterns, Arrow."""
        return self.data / "attention"

    @property
    def programs(self) -> Path:
        """The program table, JSONL."""
        return self.data / "programs.jsonl"

    @property
    def found_programs(self) -> Path:
        """The search's programs and the fitted baselines, JSONL."""
        return self.data / "found_programs.jsonl"

    @property
    def analyses(self) -> Path:
        """Alternative programs for the same heads, JSONL."""
        return self.data / "analyses.jsonl"

    @property
    def equal_size(self) -> Path:
        """The search's programs with as many terms as the curated ones for the same heads, JSONL."""
        return self.data / "equal_size.jsonl"

    @property
    def search(self) -> Path:
        """The search's checkpoint, a folder; deleted when the search is done."""
        return self.data / "search"

    @property
    def rejected(self) -> Path:
        """Untrusted programs that were rejected, JSONL."""
        return self.data / "rejected.jsonl"

    @property
    def distilled(self) -> Path:
        """Programs with distilled coefficients, JSONL."""
        return self.data / "distilled.jsonl"

    @property
    def distillation(self) -> Path:
        """The distillation's checkpoint, a folder; deleted when its stage is done."""
        return self.data / "distillation"

    @property
    def replacement(self) -> Path:
        """Finished measurements of perplexity, a folder; deleted when their stage is done."""
        return self.data / "replacement"

    @property
    def controls(self) -> Path:
        """Finished measurements and fits of the controls, a folder; deleted when their stage is done."""
        return self.data / "controls"

    @property
    def control_programs(self) -> Path:
        """The first draw of every random condition, CSV."""
        return self.results / "control_programs.csv"

    @property
    def answers(self) -> Path:
        """Finished answers to questions, a folder; deleted when their stage is done."""
        return self.data / "answers"

    @property
    def outcomes(self) -> Path:
        """Outcomes of untrusted programs, deleted when the score stage is done."""
        return self.data / "outcomes"

    @property
    def scores(self) -> Path:
        """The score table, parquet."""
        return self.data / "scores.parquet"


def project_root(start: Path) -> Path:
    """The project that a folder belongs to: the nearest folder upwards with a ``params.yaml``.

    Raises:
        UserError: if there is none.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise UserError(f"{start} is not inside a project (a folder with a params.yaml); name one with --project DIR")
