"""Queries and keys that nothing reads: those of layers whose heads are all replaced, as programs need values alone."""

from collections.abc import Callable
from typing import Any

import torch

from attention_programs.surrogate.layer_plan import LayerPlan

NAMES = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q_lin", "k_lin", "v_lin"))
"""What architectures call the modules that compute queries, keys and values, where they are three."""


def query_and_key(layer: torch.nn.Module, config: Any) -> list[torch.nn.Linear]:
    """The modules that compute a layer's queries and keys, if scores are all that they serve; else none.

    They are computed as ever where one module also computes values (GPT-2, GPT-NeoX, Phi-3), or a gate (its output is
    then larger than queries), and where other layers read a layer's keys (Gemma 3n).
    """
    found: list[list[torch.nn.Linear]] = []
    for module in layer.modules():
        for names in NAMES:
            parts = [part for name in names if isinstance(part := getattr(module, name, None), torch.nn.Linear)]
            if len(parts) == len(names):
                found.append(parts)
    if len(found) != 1 or getattr(config, "num_kv_shared_layers", False):
        return []
    query, key, value = found[0]
    heads, groups = config.num_attention_heads, getattr(config, "num_key_value_heads", None)
    fits = key.out_features == value.out_features and query.out_features * (groups or heads) == key.out_features * heads
    return [query, key] if fits else []


def skip(projection: torch.nn.Linear, plan: LayerPlan) -> Callable[[], None]:
    """Lets a projection of a layer return NaN, without computing anything, while the layer's scores are unused.

    NaN shows up wherever it is read after all, such as in a key-value cache that the original model goes on with.

    Returns:
        What undoes it.
    """
    own = vars(projection)
    before = own.get("forward")
    compute = projection.forward

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        if plan.scores_unused:
            return inputs.new_full((*inputs.shape[:-1], projection.out_features), torch.nan)
        return compute(inputs)

    def undo() -> None:
        del own["forward"]
        if before is not None:
            own["forward"] = before

    own["forward"] = forward
    return undo
