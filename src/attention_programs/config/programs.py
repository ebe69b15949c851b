"""The settings of programs: how they are searched for, where they run, how they are scored."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from attention_programs.config.bounds import Above0, Count, Number, Positive, Several, settings


@settings
class SynthesisSettings:
    """How the search looks for programs."""

    max_terms: Several = 8
    """Most terms in a program, which begins with two: fewer read better, more fit better."""
    min_gain: Number = 0.0005
    """A longer program must gain this much validation IoU for each term, or the shorter one is kept."""
    ridge: Above0 = 1e-4
    """Pull of the coefficients towards 0, in nats per row for a coefficient of 1; keeps rare terms small."""
    sizes: tuple[Several, ...] = ()
    """Further numbers of terms for which a program of every head is kept, to show what a term is worth."""
    equal_size: StrictBool = True
    """Whether a further program is searched for each head that has one by hand, with as many terms as that has."""
    shared: tuple[Positive, ...] = ()
    """Numbers of programs with which all heads are explained together, to show how much they share."""
    transfer_texts: Count = 0
    """As ``sample_texts``, for the searches on one corpus alone, which show how programs carry over; 0 makes none."""
    sample_texts: Positive = 100
    """Training texts that terms are chosen on, evenly drawn; time and memory grow with it."""
    fit_texts: Count = 300
    """Training texts that coefficients are fitted on at the end, evenly drawn; 0 is all."""
    spare_terms: Positive = 4
    """Terms that are tried beyond those kept, at the end of the growth and in each swap round."""
    swap_rounds: Count = 2
    """Rounds in which the least influential terms are swapped for others that IoU asks for."""
    fine_tune_steps: Count = 20
    """Gradient steps on IoU itself, on ``fit_texts``, after the terms are chosen; 0 keeps the coefficients."""
    fine_tune_rate: Number = 0.06
    """Size of the first such step, in units of a coefficient."""
    memory_mib: Positive = 400
    """Bound on the features' values in single precision at a time, MiB; all in half precision lie next to them."""
    library: str = "library/curated"
    """Folder of hand-written programs."""
    baselines: str = "library/baselines"
    """Folder of baseline programs."""
    imported: str = "library/imported"
    """Folder of untrusted programs, as ``attention-programs import`` writes them; they run in the sandbox."""
    max_rejected: Number = 0.5
    """Largest share of such programs that may be refused; beyond it the stage fails with the counts of reasons."""


@settings
class SandboxSettings:
    """Where and how long untrusted programs may run."""

    lowest_level: Literal["strong", "medium", "weak"] = "strong"
    """What the kernel must at least do; below strong a hostile program may find a way out."""
    text_seconds: Above0 = 2.0
    """CPU time of a program on one text; by the clock it may be ten times as long."""
    program_seconds: Above0 = 60.0
    """CPU time of a program on all texts of a run, rounded up to seconds."""
    memory_mib: Annotated[StrictInt, Field(ge=64)] = 1024
    """Memory that a program may take for itself."""
    shared_mib: Positive = 256
    """Bound on a block of results, and on the vocabulary's terms that a server keeps for all programs."""
    check_texts: Count = 8
    """Texts on which every program is run again to see whether it is deterministic; 0 checks nothing."""


@settings
class ScoringSettings:
    """How every program is scored against every head."""

    memory_mib: Positive = 1024
    """Bound on the patterns and scores in memory at a time, MiB; below about a hundred per thread it costs speed."""
    bootstrap_samples: Positive = 2000
    """Resamples of texts for each 95 % interval."""
    lengths: tuple[Positive, ...] = (16, 32, 64, 128)
    """Lengths of text, in tokens, at which the fit is measured; on texts long enough for the longest."""
    length_texts: Count = 48
    """Most test texts for that; 0 is all."""
