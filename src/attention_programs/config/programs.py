"""Settings of programs: how they are searched for, where they run and how they are scored."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from attention_programs.config.bounds import Above0, Count, Number, Positive, Several, settings


@settings
class SynthesisSettings:
    """How the search looks for programs."""

    max_terms: Several = 8
    """Maximum number of terms in a program; the search begins with two or three: fewer read better, more fit better."""
    min_gain: Number = 0.0005
    """A longer program is kept only if it gains this much validation IoU per term."""
    ridge: Above0 = 1e-4
    """Penalty on coefficients, in nats per row for a coefficient of 1; keeps rare terms small."""
    sizes: tuple[Several, ...] = ()
    """Further numbers of terms for which each head's program is kept, to show what a term is worth."""
    equal_size: StrictBool = True
    """Whether each head with a hand-written program also gets a search program with as many terms."""
    shared: tuple[Positive, ...] = ()
    """Numbers of programs that all heads together have to share, to show how few are enough."""
    transfer_texts: Count = 0
    """As ``sample_texts``, for searches on only one corpus, which show cross-corpus transfer; 0 skips them."""
    fitted_lengths: tuple[Several, ...] = ()
    """Lengths in tokens for further searches, each on the beginnings of that length only, to show what programs fitted
    at one length are worth at another; for causal models."""
    sample_texts: Positive = 100
    """Training texts that terms are chosen on, evenly spaced; time and memory grow with it."""
    fit_texts: Count = 300
    """Training texts that coefficients are fitted on at the end, evenly spaced; 0 is all."""
    spare_terms: Positive = 4
    """Terms that are tried beyond those kept, at the end of forward selection and in each swap round."""
    swap_rounds: Count = 2
    """Rounds in which the least influential terms are swapped for those with the largest estimated gain in IoU."""
    fine_tune_steps: Count = 20
    """Gradient steps on IoU itself, on ``fit_texts``, after the terms are chosen; 0 skips IoU fine-tuning."""
    fine_tune_rate: Number = 0.06
    """Size of the first of these steps, in units of a coefficient."""
    memory_mib: Positive = 2048
    """Limit on the features and patterns that are fitted at a time, MiB: the more the texts exceed it, the fewer of
    the rows after ``attention.max_rows / 2`` are fitted. On a GPU also the limit on feature values in single
    precision."""
    library: str = "library/curated"
    """Folder of hand-written programs."""
    baselines: str = "library/baselines"
    """Folder of baseline programs."""
    imported: str = "library/imported"
    """Folder of untrusted programs written by ``attention-programs import``; they run in the sandbox."""
    max_rejected: Number = 0.5
    """Largest share of these that may be rejected; above it the stage fails with the counts of reasons."""


@settings
class SandboxSettings:
    """How isolated untrusted programs are, and what they may use."""

    lowest_level: Literal["strong", "medium", "weak"] = "strong"
    """Minimum level of isolation; below strong, a hostile program may escape."""
    text_seconds: Above0 = 2.0
    """CPU time of a program on one text; wall-clock time may be ten times as long."""
    program_seconds: Above0 = 60.0
    """CPU time of a program on all texts of a run, rounded up to whole seconds."""
    memory_mib: Annotated[StrictInt, Field(ge=64)] = 1024
    """Memory that a program may allocate, MiB."""
    shared_mib: Positive = 256
    """Limit on a block of results, and on the vocabulary terms that a server caches for all programs, MiB."""
    check_texts: Count = 8
    """Texts on which every program is run again to test whether it is deterministic; 0 skips the test."""


@settings
class ScoringSettings:
    """How every program is scored against every head."""

    memory_mib: Positive = 1024
    """Limit on patterns and scores in memory at a time, MiB; slower below about a hundred per thread."""
    bootstrap_samples: Positive = 2000
    """Resamples of texts for each 95 % interval."""
    lengths: tuple[Positive, ...] = (16, 32, 64, 128)
    """Text lengths, in tokens, at which the fit is measured, on texts long enough for the longest."""
    length_texts: Count = 48
    """Maximum number of test texts for that; 0 is all."""
