"""The paper's published numbers, for comparison: other models, other texts and partly other measurements.

Hayes, Li and Andreas, "Explaining Attention with Program Synthesis", arXiv 2606.19317 (June 2026).
"""

from dataclasses import dataclass

CITATION = "Hayes, Li and Andreas, “Explaining Attention with Program Synthesis”, arXiv 2606.19317, 2026"
PERCENTS = (10, 25, 40, 50, 75, 100)
"""Percentages of heads replaced at which the released perplexity curves are quoted."""


@dataclass(frozen=True)
class PaperModel:
    """One model of the paper."""

    name: str
    heads: int
    mean_iou: float
    """Mean over heads of the IoU of the best program, recomputed from the released best-fit table."""
    increases: tuple[float, ...]
    """Perplexity increase in percent at each of :data:`PERCENTS`, from the released curve."""


MODELS = (
    PaperModel("BERT-base", 144, 0.340, (9, 24, 116, 185, 623, 889)),
    PaperModel("GPT-2", 144, 0.691, (4, 5, 16, 22, 65, 6084)),
    PaperModel("TinyLlama-1.1B", 704, 0.742, (4, 11, 22, 51, 269, 1433)),
    PaperModel("Llama-3.2-3B", 672, 0.794, (6, 19, 35, 110, 793, 6556)),
)

IOU_NOTE = (
    "Paper, IoU: mean over heads of the best program, recomputed from its released best-fit tables (its text says "
    "0.69 for GPT-2, 0.74 for TinyLlama-1.1B and 0.79 for Llama-3.2-3B, and gives none for BERT-base). Programs were "
    "chosen and measured on the same five short sentences and saw the whole text; no intervals are given."
)
PERPLEXITY_NOTE = (
    "Paper, perplexity: released curves on five sentences of about 17 words, heads in order of IoU. Attention was "
    "replaced after the output projection, where heads are already mixed, and a head whose program failed was left "
    "unpatched but counted as replaced."
)
DIFFERENCE_NOTE = (
    "The models, the texts and their lengths differ from those of this run, and IoU falls as texts get longer: the "
    "columns give context and are not a ranking."
)
NOTES = (DIFFERENCE_NOTE, IOU_NOTE, PERPLEXITY_NOTE)
