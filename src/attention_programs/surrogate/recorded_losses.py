"""Losses on a few texts, recorded with a surrogate, so that whoever loads it can verify its numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from attention_programs.config import Precision
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.programs.methods import DISTILLED
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.losses import TextLoss, ids_losses, perplexity
from attention_programs.surrogate.replacement import Measured
from attention_programs.surrogate.specification import RecordedLosses, RecordedText
from attention_programs.surrogate.windows import Windows

RECORDED_TEXTS = 4
TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
"""Largest difference in a text's mean loss that rounding can explain, nats per token, by precision of the passes: sums
depend on the CPU and on the rest of the batch."""


def record_losses(
    texts: Sequence[Text], windows: Windows, measured: Measured, percent: int, precision: Precision
) -> RecordedLosses:
    """Records the losses on a few of the texts that a surrogate was measured on, evenly spread over them."""
    (point,) = [p for p in measured.points if (p.programs, p.percent) == (DISTILLED, percent)]
    counted = [number for number, loss in enumerate(measured.original) if loss.tokens]
    step = math.ceil(len(counted) / RECORDED_TEXTS)
    return RecordedLosses(
        precision,
        tuple(
            RecordedText(
                key=texts[number].key,
                corpus=texts[number].corpus,
                windows=[ids for ids, text in zip(windows.ids, windows.text_of, strict=True) if text == number],
                tokens=measured.original[number].tokens,
                original=measured.original[number].loss_sum,
                replaced=point.losses[number].loss_sum,
            )
            for number in counted[::step]
        ),
    )


@dataclass(frozen=True)
class MeasuredAgain:
    """A recorded text, measured again."""

    recorded: RecordedText
    original: TextLoss
    replaced: TextLoss

    def difference(self) -> float:
        """The larger of the two models' absolute differences in mean loss, nats per token."""
        known = self.recorded
        changes = (self.original.loss_sum - known.original, self.replaced.loss_sum - known.replaced)
        return max(map(abs, changes)) / known.tokens


@dataclass(frozen=True)
class Remeasurement:
    """All recorded texts, measured again."""

    precision: Precision
    texts: tuple[MeasuredAgain, ...]

    def summary(self) -> str:
        """The recorded and the remeasured perplexity increase on these texts, in one line.

        These are only a few texts: the registered number is over all test texts.
        """
        known = [again.recorded for again in self.texts]
        were = [TextLoss(text.tokens, text.original) for text in known]
        before = _increase(were, [TextLoss(text.tokens, text.replaced) for text in known])
        now = _increase([again.original for again in self.texts], [again.replaced for again in self.texts])
        return (
            f"{len(self.texts)} recorded test texts measured again: perplexity rises by {now:.2f} % "
            f"(recorded: {before:.2f} %); no loss differs by more than "
            f"{max(t.difference() for t in self.texts):.1e} nats per token"
        )

    def check(self) -> None:
        """Checks that every loss is the recorded one.

        Raises:
            UserError: if one is not; the message names the first such text.
        """
        limit = TOLERANCE[self.precision]
        for again in self.texts:
            known = again.recorded
            if not again.difference() <= limit:  # also if one of them is undefined
                raise UserError(
                    f"recorded text {known.key} ({known.corpus}): summed loss {again.original.loss_sum:.3f}, and "
                    f"{again.replaced.loss_sum:.3f} with heads replaced, instead of {known.original:.3f} and "
                    f"{known.replaced:.3f}, further away than {limit:g} nats per token; install the versions of "
                    "requirements.lock, or run `dvc repro` and publish again"
                )


def _increase(original: Sequence[TextLoss], replaced: Sequence[TextLoss]) -> float:
    return 100 * (perplexity(replaced) / perplexity(original) - 1)


def measure_again(patched: PatchedModel, recorded: RecordedLosses) -> Remeasurement:
    """Measures the recorded texts again, with and without the replaced heads.

    Raises:
        UserError: if no text is recorded.
    """
    if not recorded.texts:
        raise UserError("the surrogate has no recorded texts to measure again; run `dvc repro replace` and publish")

    # On a CPU without the recorded precision, it would take very long; the tolerance covers both.
    precision: Precision = "float32" if recorded.precision == "float32" else "fastest"

    def losses() -> list[TextLoss]:
        of_windows = [ids_losses(patched, text.windows, 1, precision) for text in recorded.texts]
        return [TextLoss(sum(each.tokens for each in own), sum(each.loss_sum for each in own)) for own in of_windows]

    replaced = losses()
    with patched.suspended():
        original = losses()
    return Remeasurement(recorded.precision, tuple(map(MeasuredAgain, recorded.texts, original, replaced)))
