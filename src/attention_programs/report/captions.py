"""What each figure is called, how to read it, and what it does not show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """The words around a figure."""

    title: str
    reading: str
    limits: str


def fit_caption(max_tokens: int) -> Caption:
    """Caption of the distribution of IoU."""
    return Caption(
        "How well programs match heads, next to baselines",
        "One row per method. The hill shows how many heads have which test IoU (each hill is scaled to its own peak), "
        "the bar below it the middle half of the heads, the ring the median, the thin line the range. Right: means "
        "over heads with 95 % intervals over texts; in the second column the first token's column is left out of the "
        "patterns. Blue rows chose a program for each head on validation texts; grey rows are baselines.",
        f"IoU depends on the length of the texts (here at most {max_tokens} tokens): longer texts give lower values, "
        "so numbers from other lengths can't be compared. Attention sinks may carry much of it: compare with the rows "
        "of the first token, and with the second column. A high IoU does not prove that the head computes what the "
        "program says.",
    )


def perplexity_caption(texts: int, tokens: int, precision: str) -> Caption:
    """Caption of the curves of perplexity."""
    products = "bfloat16 where the CPU has it, else float32" if precision == "fastest" else precision
    return Caption(
        "What replacing heads costs",
        f"Perplexity on {tokens:,} tokens of {texts:,} test texts, the same for every line, over that of the original "
        f"model (products of matrices in {products}); the axis is linear up to 1 % and logarithmic above. Solid lines "
        "replace the best-fitted heads first, the others those with the smallest ablation effect, single, joint, or "
        "estimated. "
        "Blue: coefficients fitted on training texts so that the model keeps its predictions (distilled); black: "
        "the same programs with the coefficients that fit the patterns best. Orange and green put one baseline "
        "into every replaced head. Bands are 95 % intervals (studentized bootstrap over texts, paired).",
        "The grey curves are the paper's, for other models on other and shorter texts, with attention exchanged at "
        "another place and no intervals: their shape can be compared, their height can't. At 100 % all rankings "
        "replace the same heads.",
    )


GRID = Caption(
    "Every head: fit and ablation effect",
    "Layers from left to right, heads from top to bottom. Blue: test IoU of the selected program. Orange: how far "
    "the next-token predictions on training texts move (KL divergence) when this head alone is replaced by its "
    "program; the scale is stretched at the low end. Crosses mark heads that were not selected.",
    "Ablation effects of single heads do not add up: heads that stand in for each other look harmless one by one. "
    "Small values may be noise; the table of heads gives their standard errors. Where products of matrices are "
    "in bfloat16, rounding alone adds about 0.001 nats to every head.",
)
QUESTIONS = Caption(
    "What replacing heads does to question answering",
    "Share of questions answered right by the model whose heads are replaced by distilled programs. Upright lines are "
    "95 % intervals, the dashed line is what guessing gives. Intervals and the changes below are by bootstrap over the "
    "stories that questions were made from; where all answers are alike, Wilson's for as many questions as stories.",
    "A task is called insensitive if it keeps more than 80 % of its distance from guessing with the most heads "
    "replaced, or if its change can't be told from none: it can't show what the programs miss.",
)
TERMS = Caption(
    "What a term is worth",
    "Left: mean test IoU when every head's program may have so many terms (dots, with 95 % intervals over texts; the "
    "black one is the selected programs), right: each head's test IoU against the size of its selected program.",
    "A term may be a product of words of the vocabulary, such as a class of queries and a pattern. A longer program "
    "reads worse, and its size is a choice of the search as well as a trait of the head: a long program does not "
    "prove that its head does much.",
)
SHARING = Caption(
    "How few programs are enough",
    "Mean test IoU over all heads when they share so many programs (logarithmic axis); at the right end every head has "
    "its own, and the green line is 95 % of what those reach. The number named above is picked on validation texts.",
    "Heads that share a program have similar patterns on these texts; that does not make them interchangeable in the "
    "model, which the cost of replacing them would have to show. The baseline's line fits two weights to each head.",
)
LENGTHS = Caption(
    "How the fit falls with length",
    "The same texts cut to so many tokens: mean IoU over heads (left, with 95 % intervals) and the same without the "
    "first token's column (right), for programs and baselines.",
    "Only test texts that are long enough for the longest cut are used, so that the numbers may differ from those "
    "above; programs were fitted on texts of the profile's own length.",
)
TRANSFER = Caption(
    "Do programs carry over",
    "A row is where programs were fitted, a column the test texts they are measured on (mean IoU over heads, 95 % "
    "intervals); read down a column to see what fitting elsewhere loses.",
    "",
)
SOURCES_CAPTION = Caption(
    "Where the programs come from",
    "One row per source. Wins on: share of all heads for which it has the best program on validation texts (ties count "
    "for both); IoU: mean over heads of its best program for each, on test texts; above 0.5: share of heads whose "
    "program reaches that test IoU. The last columns count the heads that it has a program of their own for: in how "
    "many of them its best program on validation texts beats the other's on test texts.",
    "Sources have different numbers of programs, of different sizes, and only the search has one for every head, "
    "fitted to its patterns.",
)
INTENDED = Caption(
    "Intended against best program",
    "Mean test IoU over the heads that a source wrote programs for: of the program meant for the head, of the best "
    "program of the source, of the search, of all; programs are chosen on validation texts (the paper's comparison).",
    "The rows are about different heads: people wrote for those that the search explained worst on "
    "validation texts, in programs that may have more terms than the search's.",
)
EXPLAINER = Caption(
    "What the language model was asked, and what came of it",
    "Counts of prompts, proposed programs and why some can't be used. Replies are recorded and replayed: the same "
    "programs come out without a connection.",
    "A small model. Revisions are kept only if they are nearer on training texts that no prompt shows.",
)
WORST = Caption(
    "The heads explained worst",
    "Lowest IoU on validation texts first; the IoU shown is that on test texts. Below each program stands where the "
    "head's attention really goes, with the mean over all heads in brackets.",
    "Shares overlap (a name is a content word too), kinds of token do not count a text's first token, and a share says "
    "where attention goes, not why.",
)
COEFFICIENTS = Caption(
    "Two kinds of coefficients",
    "The same programs with coefficients that fit the patterns and with coefficients that keep the model's predictions "
    "(distilled): test IoU of the replaced heads, and what replacing them costs in perplexity.",
    "Where distilled programs fit the patterns less and yet cost less, the best copy of a pattern is not what the "
    "model needs most; that does not show which of the two is closer to what the head computes.",
)
DISTILLATION = Caption(
    "How distillation went",
    "Divergence of the patched model's predictions from the original model's against the step, by share of heads "
    "replaced: thin lines on each step's training texts, dots on validation texts.",
    "Training texts change from step to step, so the thin lines jump. The phase before, which matches layers one by "
    "one, is measured otherwise and left out.",
)
HEAD_RANKINGS = Caption(
    "Which head goes first",
    "Increase of perplexity on validation texts when heads are replaced by their selected programs in each ranking "
    "(shorter is better); the blue ranking has the lowest mean loss and is the one that is used.",
    "The choice holds for these shares and texts; rankings whose bars are about equally long can't be told apart.",
)
ABLATION = Caption(
    "Does a good fit mean a low cost",
    "One dot per head: its test IoU against how far predictions on training texts move when this head alone is "
    "replaced (logarithmic axis; ablation effect of zero or below stands at the lowest measured value).",
    "Ablation effects are noisy at the low end, and so is the rank of heads whose ablation effect is alike. The "
    "paper's correlation of -0.99 is with the cost of all heads up to one along a path sorted by IoU, which rises "
    "on any path; this one is with each head alone.",
)
