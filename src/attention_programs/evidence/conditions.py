"""The registry of conditions: which program each head gets, so that the right ones can be compared with wrong ones."""

from dataclasses import dataclass

from attention_programs.programs.methods import BASELINES, FIRST_TOKEN, FITTED_SINK_SELF

CORRECT, MEAN, ZERO = "correct", "mean_output", "zero_output"
EQUAL_IOU, SAME_CATEGORY, OTHER_CATEGORY = "equal_iou", "same_category", "other_category"
WITHIN_LAYER, OVER_MODEL, RANDOM_PROGRAM = "permuted_within_layer", "permuted_over_model", "random_program"
BY_ATTENTION, BY_PREDICTIONS = "attention", "predictions"
"""What coefficients were fitted to."""


@dataclass(frozen=True)
class Condition:
    """One way to give heads programs or constant outputs."""

    label: str
    """Its name in tables and figures."""
    gets: str
    """Completes "each head gets ..."."""
    drawn: bool = False
    """Whether it is drawn at random, several times."""


CONDITIONS = {
    CORRECT: Condition("Right programs", "the program that was selected for it"),
    EQUAL_IOU: Condition("Equal IoU", "another program of the library that fits its pattern as well", drawn=True),
    SAME_CATEGORY: Condition("Same category", "another program of the same category", drawn=True),
    WITHIN_LAYER: Condition("Permuted within the layer", "the program of another head of its layer", drawn=True),
    OVER_MODEL: Condition("Permuted over the model", "the program of another head of the model", drawn=True),
    RANDOM_PROGRAM: Condition("Random program", "any program of the library", drawn=True),
    OTHER_CATEGORY: Condition("Other category", "a program of another category", drawn=True),
    FITTED_SINK_SELF: Condition(BASELINES[FITTED_SINK_SELF].label, "its own mixture of first token and token itself"),
    FIRST_TOKEN: Condition(BASELINES[FIRST_TOKEN].label, "the program that attends to the first token only"),
    MEAN: Condition("Mean output (no attention)", "no program: its output is its mean over training texts"),
    ZERO: Condition("Zero output (no attention)", "no program: its output is zero"),
}
"""Every condition by its key in ``controls.csv``, in the order of tables and figures."""
DRAWN = tuple(key for key, condition in CONDITIONS.items() if condition.drawn)
