"""The registered surrogate as an MLflow model; this file is stored with every version.

The weights are not: they are read from the repository's ``models`` folder, and their hash is checked.
"""

import math
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from attention_programs.errors import UserError
from attention_programs.surrogate.losses import text_losses
from attention_programs.tracking.addresses import current_root
from attention_programs.tracking.patched import load_patched

COLUMN = "text"


def signature(max_tokens: int) -> ModelSignature:
    """The model's inputs, outputs and parameters.

    The input column is unnamed because only then does MLflow accept plain lists of texts.
    """
    outputs = [
        ColSpec(DataType.string, COLUMN),
        ColSpec(DataType.long, "tokens_read"),
        ColSpec(DataType.boolean, "truncated"),
        ColSpec(DataType.long, "tokens"),
        ColSpec(DataType.double, "loss"),
        ColSpec(DataType.double, "perplexity"),
    ]
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string)]),
        outputs=Schema(outputs),
        params=ParamSchema([ParamSpec("max_tokens", DataType.long, max_tokens)]),
    )


class SurrogateModel(PythonModel):
    """A language model with some heads replaced by programs; measures the loss of texts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the model from the repository's ``models`` folder and replaces its heads.

        Raises:
            UserError: if the weights are missing or not those the programs were validated on.
        """
        self._surrogate = load_patched(Path(context.artifacts["surrogate"]), current_root())

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Measures the loss of texts, each cut to ``max_tokens``.

        Args:
            context: Unused; the model is already loaded.
            model_input: Texts in the column ``text``; MLflow also converts a list or series to a table.
            params: ``max_tokens``, by default the length that the programs were validated on.

        Returns:
            text; tokens_read (by the model: at most ``max_tokens``, including special tokens); truncated (whether the
            text was cut); tokens (predicted ones); loss (their mean negative log-likelihood, nats) and perplexity,
            both NaN for a text with nothing to predict.

        Raises:
            UserError: if the column has another name.
        """
        (column,) = model_input.columns
        if column not in (COLUMN, 0):
            raise UserError(f"the input column is {column!r} instead of {COLUMN!r}; rename the column of texts")
        texts = [str(text) for text in model_input[column]]
        losses = text_losses(self._surrogate, texts, int((params or {})["max_tokens"]))
        means = [loss.loss_sum / loss.tokens if loss.tokens else math.nan for loss in losses]
        return pd.DataFrame(
            {
                COLUMN: texts,
                "tokens_read": [loss.tokens_read for loss in losses],
                "truncated": [loss.truncated for loss in losses],
                "tokens": [loss.tokens for loss in losses],
                "loss": means,
                "perplexity": [math.exp(mean) for mean in means],
            }
        )


mlflow.models.set_model(SurrogateModel())
