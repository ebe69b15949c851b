"""The record of a number in a profile's summary: the table that it comes from, and whether that still gives it."""

from dataclasses import dataclass, field
from functools import partial

from attention_programs.errors import UserError
from attention_programs.files import DIGITS, read_json
from attention_programs.provenance.files import FileRecords
from attention_programs.provenance.record import Finding, Node
from attention_programs.report.summary import summarise

TABLES = {
    "analysis": "analyses.csv",
    "category_heads": "categories.csv",
    "control_area": "control_areas.csv",
    "control_increase": "controls.csv",
    "control_recovered": "controls.csv",
    "effect_correlation": "effect_correlations.csv",
    "effects": "ablation_effect.csv",
    "gate": "gate.json",
    "heads": "heads.csv",
    "iou": "iou.csv",
    "jsd": "iou.csv",
    "length": "lengths.csv",
    "objective": "objectives.csv",
    "perplexity": "perplexity.csv",
    "perplexity_above_distilled": "perplexity.csv",
    "perplexity_increase": "perplexity.csv",
    "programs": "heads.csv",
    "qa": "qa.csv",
    "qa_change": "qa.csv",
    "qa_insensitive": "qa.csv",
    "qa_questions": "qa.csv",
    "qa_sources": "qa.csv",
    "sharing": "analyses.csv",
    "sink_excluded_iou": "iou.csv",
}
"""The table that a number of the summary comes from, by the first part of its key."""
ON_A_CORPUS = "perplexity_increase_on_"


def table_of(key: str) -> str:
    """The table that a number comes from.

    >>> table_of("perplexity_increase/test/distilled/joint_ablation/25")
    'perplexity.csv'
    """
    family = key.split("/", maxsplit=1)[0]
    return "perplexity_corpora.csv" if family.startswith(ON_A_CORPUS) else TABLES[family]


@dataclass
class NumberRecords:
    """Adds numbers of summaries to a record."""

    files: FileRecords
    _again: dict[str, dict[str, float]] = field(default_factory=dict)
    """Summaries computed again, by profile."""

    def number(self, key: str, profile: str) -> str:
        """Adds a number of a profile's summary; returns the node's key.

        Raises:
            UserError: if the summary does not have it.
        """
        place = f"results/{profile}"
        summary = read_json(self.files.root / place / "summary.json")
        if key not in summary:
            raise UserError(f"{place}/summary.json has no {key!r}")
        sources = (self.files.file(f"{place}/{table_of(key)}"), self.files.file(f"{place}/summary.json"))
        return self.files.add(
            Node(
                f"number {key} of {profile}",
                "number",
                f"{key} = {summary[key]}",
                details=f"profile {profile}",
                sources=sources,
                check=partial(self._check, key, profile, summary[key]),
            )
        )

    def _check(self, key: str, profile: str, recorded: float) -> Finding:
        if profile not in self._again:
            self._again[profile] = summarise(self.files.root / "results" / profile)
        found = self._again[profile].get(key)
        if found is None or round(found, DIGITS) != recorded:
            reason = f"the tables of results/{profile} give {key} = {found}, the summary has {recorded}"
            return Finding("differs", reason)
        return Finding("verified")
