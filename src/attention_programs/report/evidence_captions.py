"""The captions of the evidence: what would convince a sceptical reader, and what it does not show."""

from attention_programs.report.captions import Caption

CONTROLS = Caption(
    "Does the right program matter",
    "Perplexity as a multiple of the original model's (logarithmic axis), on the same test texts for every row, "
    "with the same heads replaced in the same order. Dots: mean over draws (geometric), thin lines 95 % intervals "
    "over texts, grey bars the range of single draws; a triangle: zero ablation far beyond the panel. Rings: the "
    "same programs after their coefficients were fitted to the model's predictions, all with the same number of "
    "steps on the same texts. A wrong program never behaves as the head's own: programs whose predicted patterns "
    "have an IoU of 0.9 or more count as the same. Equal IoU: another program whose validation IoU with the head is"
    " within 0.02 of its own program's. Loss recovered: the share of the loss between zero ablation of the same "
    "heads and the original model that is given back. Area: under the curve of log perplexity over all measured "
    "percentages, of which further ones are in the CSV file.",
    "Where nothing met a condition, the head got the closest of the programs that behave otherwise, or kept its own "
    "in a permutation; the table counts these heads. The ranking was made with the right programs, which favours "
    "them.",
)
EFFECTS = Caption(
    "What a head's fit says about its importance",
    "One dot per head, which shows its name when pointed at on the page. Left: test IoU of its program against how "
    "much the predictions change when only this head is replaced by it (KL divergence on test texts). Right: the same "
    "effect against that of zero ablation; below the "
    "line, the program keeps something of what the head contributes. Logarithmic axes; effects of zero or below are "
    "drawn at the lowest positive value. The table has Spearman's rank correlations over heads with 95 % intervals "
    "(BCa bootstrap over heads).",
    "Effects of single heads do not add up. Noise in the effects draws correlations towards zero, by about the square "
    "root of the reliability. A rank correlation over heads of one model says little about other "
    "models. The paper's correlation of -0.99 is between IoU and the summed cost of all heads that fit at least as "
    "well: along a path sorted by IoU one falls and the other grows, whatever the effects are, as the permuted "
    "effects show.",
)
CATEGORIES_CAPTION = Caption(
    "Which kinds of programs there are, and where",
    "Each square is a head, coloured by the category of its program; below, the share of each category by layer. A "
    "program has the category whose terms explain at least half of its pattern: what is lost (1 - IoU) when its terms"
    " are removed. It is uniform if its pattern has an IoU of at least 0.75 with the uniform one, else mixed. "
    "Apart from the sink: the same, with the sink's terms left out of account.",
    "Categories describe programs. A head whose program fits poorly may do something else. Groups of terms are ours; "
    "the clusters of behaviour, which know nothing of terms, agree with them as far as the adjusted Rand index says "
    "(1: the same groups; 0: as by chance).",
)
