"""What the intact model predicts: each text is run once, and only what enters the output layer is kept."""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.divergence import intact_log_probabilities

Ids = tuple[int, ...]


class IntactPredictions:
    """Next-token distributions of the intact model.

    Of each text the input of the output layer is kept, and the layer is applied again when asked: 15 MiB for a hundred
    texts of 64 tokens and a width of 576. Where an architecture changes the logits after that layer, nothing is kept
    and the model runs again.

    Args:
        loaded: The model; it must be intact whenever it is asked.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._output_layer = loaded.model.get_output_embeddings()
        self._kept: dict[Ids, list[torch.Tensor]] = {}
        self._applicable = True

    @torch.no_grad()
    def log_probabilities(self, texts: Sequence[Ids]) -> list[torch.Tensor]:
        """What it predicts on a batch padded on the right, one tensor a pass, shape (batch, places, vocabulary)."""
        for text in texts:
            if self._applicable and text not in self._kept:
                self._run(text)
        if not self._applicable:
            return intact_log_probabilities(self._loaded, texts)
        passes = zip(*(self._kept[text] for text in texts), strict=True)
        return [self._apply(pad_sequence(list(states), batch_first=True)) for states in passes]

    def _apply(self, states: torch.Tensor) -> torch.Tensor:
        logits = self._output_layer(states)[:, : -1 if self._loaded.record.causal else None]
        return logits.float().log_softmax(dim=-1)

    def _run(self, text: Ids) -> None:
        """Runs one text alone, so that what is kept does not depend on the texts beside it."""
        states: list[torch.Tensor] = []
        handle = self._output_layer.register_forward_pre_hook(lambda _module, inputs: states.append(inputs[0]))
        try:
            found = intact_log_probabilities(self._loaded, [text])
        finally:
            handle.remove()
        pairs = zip(states, found, strict=True)
        self._applicable = all(torch.allclose(self._apply(state), log_p, atol=1e-4) for state, log_p in pairs)
        self._kept[text] = [state[0] for state in states]
