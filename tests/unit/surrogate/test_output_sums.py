"""Sums over logits equal those that torch computes in double precision."""

import pytest
import torch

from attention_programs.models.precision import weights_kept
from attention_programs.surrogate.output_sums import BLOCK, sum_outputs


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("vocabulary", [1, 7, BLOCK, 2 * BLOCK + 5])
def test_sums_are_those_of_double_precision(dtype: torch.dtype, vocabulary: int) -> None:
    generator = torch.Generator().manual_seed(vocabulary)
    whole = (20 * torch.randn(3, 5, vocabulary, generator=generator) - 300).to(dtype)
    logits = whole[:, :-1]  # not contiguous, as what a causal model predicts
    weights = torch.rand(3, 4, vocabulary, generator=generator).softmax(-1)
    exact = logits.double()
    found = sum_outputs(logits, weights)
    torch.testing.assert_close(found.log_partition.double(), exact.logsumexp(-1), rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(found.weighted.double(), (weights.double() * exact).sum(-1), rtol=1e-5, atol=1e-3)
    assert torch.equal(sum_outputs(logits).log_partition, found.log_partition)
    assert not sum_outputs(logits).weighted.any()


def test_logits_that_are_learnt_from_keep_their_gradient() -> None:
    logits = torch.randn(1, 2, 9, requires_grad=True)
    sum_outputs(logits).log_partition.sum().backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, logits.detach().softmax(-1))


def test_weights_are_kept_by_autocast_and_stay_as_they_were() -> None:
    model = torch.nn.Linear(4, 4)
    model.weight.requires_grad_(False)
    taken = torch.randn(2, 4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(taken)
    with weights_kept(model), torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        first = model(taken)
        model.weight.data.zero_()  # what was cast before is used again
        assert torch.equal(model(taken), first)
    assert torch.equal(first, expected)
    assert (model.weight.requires_grad, model.bias.requires_grad) == (False, True)
