"""The title of each figure, how to read it, and what it does not show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """The text around a figure."""

    title: str
    reading: str
    limits: str


def fit_caption(max_tokens: int) -> Caption:
    """Caption of the distribution of IoU."""
    return Caption(
        "How well programs match heads, compared with baselines",
        "One row per method. The density shows how the heads' test IoU is distributed (each is scaled to its own "
        "peak); below it, the bar spans the middle half of the heads, the ring marks the median and the thin line the "
        "range. Right: means over heads with 95 % intervals over texts; the second column leaves out the patterns' "
        "first column. Blue rows use the program chosen for each head on validation texts; grey rows are baselines.",
        f"IoU depends on text length (here at most {max_tokens} tokens): longer texts give lower values, so numbers "
        "for other lengths are not comparable. Attention sinks may account for much of it: compare with the "
        "first-token rows and with the second column. A high IoU does not prove that the head computes what the "
        "program says.",
    )


def perplexity_caption(texts: int, tokens: int, precision: str) -> Caption:
    """Caption of the perplexity curves."""
    products = "bfloat16 where the CPU supports it, otherwise float32" if precision == "fastest" else precision
    return Caption(
        "What replacing heads costs",
        f"Perplexity on {tokens:,} tokens of {texts:,} test texts, the same for every curve, relative to the original "
        f"model (matrix products in {products}); the axis is linear up to 1 % and logarithmic above. Solid curves "
        "replace the best-fitted heads first, the others those with the smallest single-head, joint or estimated "
        "ablation effect. "
        "Blue: coefficients fitted on training texts to preserve the model's predictions (distilled); black: "
        "the same programs with the coefficients that fit the patterns best. Orange and green put one baseline "
        "into every replaced head. Bands are 95 % intervals (studentized paired bootstrap over texts).",
        "The grey curves are the paper's, for other models on other, shorter texts, with attention replaced at "
        "a different place and without intervals: compare their shape, not their height. At 100 % all rankings "
        "replace the same heads.",
    )


GRID = Caption(
    "Every head: fit and ablation effect",
    "Layers from left to right, heads from top to bottom. Blue: test IoU of the selected program. Orange: how much "
    "the next-token predictions on training texts change (KL divergence) when only this head is replaced by its "
    "program; the scale is stretched at the low end. Crosses mark heads that were not selected.",
    "Ablation effects of single heads do not add up: heads that back each other up look harmless one by one. "
    "Small values may be noise; the table of heads gives their standard errors. Where matrix products are "
    "in bfloat16, rounding alone adds about 0.001 nats to every head.",
)
QUESTIONS = Caption(
    "What replacing heads does to question answering",
    "Accuracy of the model with heads replaced by distilled programs, and of controls where there are markers. "
    "Vertical bars are 95 % intervals, the dashed line is chance. The intervals, and those of the changes below, are "
    "bootstrapped over the sources of questions: the story that several were made from, or the question itself; if "
    "almost all answers agree, they are Wilson's or Newcombe's for as many questions as sources. A star marks a change "
    "with a corrected p-value below 0.05.",
    "A task is called insensitive if, with the most heads replaced, it keeps more than 80 % of its margin over chance "
    "or its change can't be distinguished from zero: it can't show what the programs miss. A change that is not beyond "
    "chance may still be one that so few questions can't show. Controls have coefficients that fit patterns; those of "
    "the programs are fitted to predictions.",
)
TERMS = Caption(
    "What a term is worth",
    "Left: mean test IoU when every head's program may have at most this many terms (dots, with 95 % intervals over "
    "texts; black: the selected programs). Right: each head's test IoU against the size of its selected program.",
    "A term may be a product of vocabulary terms, such as a class of queries and a pattern. A longer program is "
    "harder to read, and its size is a choice of the search as well as a property of the head: a long program does "
    "not prove that its head does much.",
)
SHARING = Caption(
    "How few programs are enough",
    "Mean test IoU over all heads when they share this many programs (logarithmic axis); at the right end every head "
    "has its own, and the green line is 95 % of that IoU. The number given above is chosen on validation texts.",
    "Heads that share a program have similar patterns on these texts; that does not make them interchangeable in the "
    "model, which only the cost of replacing them could show. The baseline fits two weights to each head.",
)
LENGTHS = Caption(
    "How fit falls with text length",
    "The same texts cut to different numbers of tokens: mean IoU over heads (left, with 95 % intervals) and without "
    "the first column (right), for programs and baselines.",
    "Only test texts long enough for the longest cut are used, so the numbers may differ from those "
    "above; programs were fitted on texts of the profile's own length.",
)
COST_BY_LENGTH = Caption(
    "How the cost of replacement changes with text length",
    "Increase of perplexity, with 95 % intervals over texts, by what replaces which percentage of heads.",
    "",
)
COST_BY_CORPUS = Caption(
    "How the cost of replacement differs between corpora",
    "Increase of perplexity, with 95 % intervals over texts, by what replaces which percentage of heads.",
    "Corpora that are not the profile's own were seen by no program and no coefficient, but they also differ in the "
    "length of their texts.",
)
TRANSFER = Caption(
    "Do programs transfer between corpora",
    "Rows: where programs were fitted; columns: the test texts they are measured on (mean IoU over heads, 95 % "
    "intervals). Read down a column to see what fitting elsewhere costs.",
    "",
)
SOURCES_CAPTION = Caption(
    "Where the programs come from",
    "One row per source. Wins on: percentage of all heads for which it has the best program on validation texts (ties "
    "count for both). IoU: mean over heads of its best program for each, on test texts. Above 0.5: percentage of heads "
    "whose program exceeds that test IoU. The last columns cover the heads that the source has programs of its own "
    "for: how often its best program on validation texts beats the other source's on test texts.",
    "Sources have different numbers of programs of different sizes, and only the search has one for every head, "
    "fitted to its patterns.",
)
INTENDED = Caption(
    "Intended against best program",
    "Mean test IoU over the heads that a source wrote programs for: of the program meant for the head, and of the best "
    "program of the source, of the search and overall; programs are chosen on validation texts (the paper's "
    "comparison).",
    "The rows cover different heads: people wrote programs for those that the search explained worst on "
    "validation texts, and these may have more terms than the search's.",
)
EXPLAINER = Caption(
    "What the language model was asked, and what came of it",
    "Counts of prompts, of proposed programs and of why some can't be used. Replies are recorded and replayed: the "
    "same programs come out without a connection.",
    "This is a small model. Revisions are kept only if they fit better on training texts that no prompt shows.",
)
WORST = Caption(
    "The heads explained worst",
    "Sorted by IoU on validation texts, lowest first; the IoU shown is that on test texts. Below each program: where "
    "the head's attention actually goes, with the mean over all heads in brackets.",
    "Percentages overlap (a name is also a content word), token classes exclude a text's first token, and a "
    "percentage says where attention goes, not why.",
)
COEFFICIENTS = Caption(
    "Two kinds of coefficients",
    "The same programs with coefficients that fit the patterns and with coefficients that preserve the model's "
    "predictions (distilled): test IoU of the replaced heads, and what replacing them costs in perplexity.",
    "Where distilled programs fit the patterns less well yet cost less, the best copy of a pattern is not what the "
    "model needs most; this does not show which of the two is closer to what the head computes.",
)
DISTILLATION = Caption(
    "How distillation went",
    "Divergence of the patched model's predictions from the original model's by step, for each fraction of heads "
    "replaced: thin lines on each step's training texts, dots on validation texts.",
    "Training texts change from step to step, so the thin lines jump. The preceding phase, which matches layers one "
    "by one, uses a different loss and is left out.",
)
HEAD_RANKINGS = Caption(
    "Which head goes first",
    "Perplexity increase on validation texts when heads are replaced by their selected programs in the order of each "
    "ranking (shorter is better); the blue ranking has the lowest mean loss and is the one used.",
    "The choice holds for these fractions and texts; rankings with bars of about equal length can't be told apart.",
)
MODELS = Caption(
    "Models side by side",
    "One column per model, this project's before the paper's. Brackets are 95 % intervals over test texts. Perplexity "
    "increases are those of replacing that percentage of the model's heads, by distilled programs in the order of the "
    "ranking chosen on validation texts; the paper's are in the row of the selected programs with the best-fitted "
    "heads first, which is its own order. The mean attention on the first token, over all heads, measures attention "
    "sinks. Parameters are counted as stored.",
    "The paper's columns are not comparable in size: its texts are five short sentences, on which programs were both "
    "chosen and measured, its programs saw the whole text, and attention was replaced after the output projection. "
    "Tokenizers differ, so the same number of tokens covers more or less text in each model. Deeper or wider models "
    "replace more heads at the same percentage.",
)
LIBRARY = Caption(
    "One library of programs for all models",
    "The search's programs of all models in one pool, every one scored on every head. A library is built on validation "
    "texts: each step adds the program that raises the mean of the heads' best IoU most, all heads counting the same. "
    "Each head uses the program of the library that is best on validation texts; the lines are its mean test IoU as a "
    "percentage of that of one program per head (the best found on its own model). The table gives the smallest size "
    "that reaches a percentage on test texts and, for the library of all models, the percentage that each model's "
    "heads reach with it. All models together are measured on the test texts that all of them have. Bands are 95 % "
    "intervals over texts.",
    "Choosing greedily gives an upper bound on the number of programs needed. Programs are as they were found: "
    "refitted to the heads that share them they would fit better. A good fit does not show that heads can be replaced.",
)
MODEL_TRANSFER = Caption(
    "Do programs transfer between models",
    "Rows: the model that programs were found on; columns: the model whose heads they explain (mean test IoU over "
    "heads, 95 % intervals over texts). Each head has the best of the row's programs, chosen on its own model's "
    "validation texts; the diagonal is chosen in the same way. Last rows: baselines that know nothing of any program.",
    "Models with more heads bring more programs to choose from, which helps their row. Heads of which most attend to "
    "the first token are explained by any model's programs: compare with the baselines.",
)
