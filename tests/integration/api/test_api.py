"""The public names as a notebook uses them, on tiny models of every family."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import attention_programs as ap
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import candidate_features
from attention_programs.surrogate.small_model import small_model
from conftest import ROOT, tiny_model
from families import FAMILIES

NAMES = "cat dog cow pig hen owl fox bee ant bat elk emu".split()
CONTENTS = [
    f"The {name} number {place} saw a {NAMES[-1 - place]} near the {'pond' if place % 2 else 'barn'}. The {name} was "
    f"not afraid, and {place} other {name}s came; nobody knew why the {NAMES[-1 - place]} had gone."
    for place, name in enumerate(NAMES)
]
COPIES = "def program(text):\n    'Copies.'\n    return text.softmax(4.0 * text.induction + 2.0 * text.first_token)"


@pytest.fixture
def patterns(any_model: LoadedModel) -> ap.Patterns:
    return ap.Model.of(any_model).attention(ap.texts(CONTENTS), heads=["L0H1", "L2H3"], max_tokens=24)


def test_the_notebook_from_texts_to_replaced_heads(any_model: LoadedModel, patterns: ap.Patterns) -> None:
    model = ap.Model.of(any_model)
    assert [str(head) for head in patterns.heads] == ["L0H1", "L2H3"]
    assert (len(patterns.train), len(patterns.validation), len(patterns.test)) == (7, 2, 3)
    np.testing.assert_allclose(patterns.pattern("L2H3").sum(axis=1), 1, atol=2e-3)  # half precision
    found = ap.search(patterns, max_terms=3)
    assert [str(head) for head in found] == ["L0H1", "L2H3"]
    result = found["L0H1"]
    assert 0 < result.score.iou.mean <= 1
    assert result.score.texts == 3
    assert all(each.program.terms <= 3 for each in found.results.values())
    mine = ap.Program(COPIES, "mine")
    assert ap.score(mine, patterns, "L0H1").iou.mean < 1
    before = model.perplexity(patterns.test)
    with model.replace({"L0H1": mine, **found.best(0.5)}) as patched:
        assert patched.perplexity(patterns.test) != before
    assert model.perplexity(patterns.test) == before
    assert model.perplexity([text for text in ap.texts(CONTENTS) if text.split == "test"], 24) == pytest.approx(before)
    for shown in (result, found, mine, result.score):
        assert "<" in shown._repr_html_()
    assert "<svg" in result._repr_html_()
    assert result.program.source.strip() in str(result)
    assert str(len(found)) in repr(found)


def test_a_model_that_generates_is_itself_again(causal_model: LoadedModel) -> None:
    model = ap.Model.of(causal_model)
    first = model.generate("The frogs", 4)
    sink = "def program(text):\n    'The first token.'\n    return text.first_token"
    with model.replace(dict.fromkeys(map(str, model.heads), ap.Program(sink))) as patched:
        assert patched.generate("The frogs", 4).startswith("The")
    assert model.generate("The frogs", 4) == first


TERMS = st.builds(
    WeightedTerm,
    st.sampled_from(candidate_features(causal=True)),
    st.integers(-50, 50).map(lambda tenths: tenths / 10),
    st.just(1.0),
)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert"])
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(terms=st.lists(TERMS, min_size=1, max_size=4, unique_by=lambda term: term.feature))
def test_a_program_is_the_pattern_read_back_from_the_patched_model(family: str, terms: list[WeightedTerm]) -> None:
    loaded = tiny_model(family)
    model, program = ap.Model.of(loaded), ap.Program(emit(terms))
    ids = model.encode(CONTENTS[0], 20)
    with model.replace({"L1H2": program}), torch.no_grad():
        weights = loaded.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions[1][0, 2]
    np.testing.assert_allclose(weights, program.pattern(ids, model), atol=1e-6)


def test_free_python_runs_only_if_it_is_said_to_be_ones_own() -> None:
    source = "def program(text):\n    'Itself.'\n    return np.eye(text.n)"
    with pytest.raises(ap.UserError, match="free Python"):
        ap.Program(source)
    model = ap.Model.of(tiny_model("llama"))
    pattern = ap.Program(source, trusted=True).pattern("The frogs", model)
    np.testing.assert_array_equal(pattern, np.eye(len(pattern)))


def test_what_can_not_be_done_is_said_in_a_line(llama: LoadedModel) -> None:
    model = ap.Model.of(llama)
    patterns = model.attention(ap.texts(CONTENTS), heads=["L0H1"], max_tokens=12)
    ahead = "def program(text):\n    'The end.'\n    return text.softmax(3.0 * text.last_token)"
    fails = "def program(text):\n    'Fails.'\n    return text.no_such_term"
    for wrong, message in (
        (lambda: ap.texts("no such corpus"), "neither a JSONL file nor a shipped corpus"),
        (lambda: ap.texts(CONTENTS[:2]), "too few for three splits"),
        (lambda: ap.search(patterns, heads=["L2H0"]), "L2H0 is not among the 1"),
        (lambda: ap.search(patterns, budget="endless"), "budget 'endless' is unknown"),  # type: ignore[arg-type]
        (lambda: ap.search(patterns.test), "0 train and 0 validation texts; give texts of both splits"),
        (lambda: ap.search(patterns.test), "0 train and 0 validation"),
        (lambda: ap.search(patterns, max_terms=2).best(1.5), "fraction is 1.5"),
        (lambda: ap.search(patterns, max_terms=2)["L0H0"], "L0H0 was not searched"),
        (lambda: ap.score(ap.Program(COPIES), patterns.of_split("test").of_heads(["L0H1"]), "H1"), "layer and head"),
        (lambda: model.replace({"L9H9": ap.Program(COPIES)}), "does not exist"),
        (lambda: model.replace({"L0H0": ap.Program(ahead)}), "looks ahead"),
        (lambda: model.attention(ap.texts(CONTENTS), heads=["L9H0"]), "does not exist"),
        (lambda: ap.Program(fails, trusted=True).pattern("The frogs", model), "no pattern 'no_such_term'"),
        (lambda: ap.load_model("no/such/model"), "cannot load"),
        (lambda: ap.Model(torch.nn.Linear(2, 2), None), "AttentionInterface"),
    ):
        with pytest.raises(ap.UserError, match=message):
            wrong()


@pytest.mark.parametrize("lacking", ["lm_head.weight", "model.layers.1.mlp.up_proj.weight"])
def test_a_checkpoint_that_lacks_weights_is_refused_by_their_name(tmp_path: Path, lacking: str) -> None:
    loaded = tiny_model("llama")
    untied = copy.deepcopy(loaded.model)
    untied.config.tie_word_embeddings = False
    untied.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights |= {"lm_head.weight": weights["model.embed_tokens.weight"].clone()}
    save_file({name: value for name, value in weights.items() if name != lacking}, tmp_path / "model.safetensors")
    with pytest.raises(ap.UserError, match=rf"lacks 1 of the weights of a LlamaForCausalLM \({lacking}\)") as caught:
        ap.load_model(tmp_path)
    assert "\n" not in str(caught.value)
    save_file(weights, tmp_path / "model.safetensors")
    assert ap.load_model(tmp_path).heads


def test_architectures_are_refused_when_they_are_loaded(tmp_path: Path) -> None:
    families = {family.name: family for family in FAMILIES}
    sinks = small_model(families["gpt-oss"].kind(), families["gpt-oss"].configuration(), tiny_model("llama").tokenizer)
    sinks.model.save_pretrained(tmp_path)
    sinks.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ap.UserError, match=r"^GptOssForCausalLM is not supported: .*a learned sink"):
        ap.load_model(tmp_path)
    hybrid = small_model(families["Jamba"].kind(), families["Jamba"].configuration(), sinks.tokenizer)
    with pytest.raises(ap.UserError, match="some layers are of the kind linear_attention"):
        ap.Model(hybrid.model, hybrid.tokenizer)


def test_importing_changes_nothing_and_brings_no_tools() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import attention_programs as ap; "
        "assert 'torch' not in sys.modules; "
        "[getattr(ap, name) for name in ap.__all__]; assert dict(os.environ) == before; "
        "print([name for name in ('mlflow', 'dvc', 'lm_eval', 'openai', 'datasets') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    with pytest.raises(AttributeError, match="no_such_name"):
        ap.no_such_name  # noqa: B018
    assert set(ap.__all__) <= set(dir(ap))
    assert len(ap.__all__) <= 15


@pytest.mark.parametrize("page", ["README.md", "docs/quick-start.md"])
def test_the_notebook_of_the_docs_runs(page: str, tmp_path: Path, llama: LoadedModel) -> None:
    """Its lines as they stand, but for the model: a folder as ``save_pretrained`` writes it."""
    llama.model.save_pretrained(tmp_path)
    llama.tokenizer.save_pretrained(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    (source,) = [
        code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "import attention" in code
    ]
    renamed = source.replace("models/smollm2-135m", str(tmp_path)).replace("L5H1", "L1H1").replace("L16H0", "L2H0")
    names: dict[str, Any] = {}
    exec(renamed, names)
    assert names["found"]["L2H0"].score.texts == len(names["patterns"].test) > 40
    if page != "README.md":
        assert names["mine"].pattern("The cat sat.", names["model"]).ndim == 2
        assert names["found"].plot().axes[0].get_xlabel() == "head"
