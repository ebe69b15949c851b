"""What settings may be: names that make folders, shares that fit together, numbers that work can be done with."""

import re
from collections.abc import Sequence
from operator import attrgetter

from attention_programs.config.settings import Config, CorporaSettings
from attention_programs.errors import UserError

_PLAIN_NAME = re.compile(r"\w[\w.-]*")
LEAST = {
    "seed": 0,
    "threads": 1,
    "corpora.limit": 0,
    "attention.max_tokens": 2,
    "attention.batch_texts": 1,
    "attention.shard_texts": 1,
    "synthesis.max_terms": 2,
    "synthesis.sizes": 2,
    "synthesis.shared": 1,
    "synthesis.domain_texts": 0,
    "synthesis.sample_texts": 1,
    "synthesis.fit_texts": 0,
    "synthesis.spare_terms": 1,
    "synthesis.exchanges": 0,
    "synthesis.polish_steps": 0,
    "synthesis.memory_mib": 1,
    "explainer.programs": 1,
    "explainer.refinements": 0,
    "explainer.texts": 2,
    "explainer.excerpts": 1,
    "explainer.most_weights": 1,
    "explainer.prompt_tokens": 1,
    "explainer.reply_tokens": 1,
    "explainer.temperature": 0,
    "explainer.concurrency": 1,
    "explainer.attempts": 1,
    "explainer.most_tokens": 0,
    "explainer.most_cost": 0,
    "explainer.price_prompt": 0,
    "explainer.price_reply": 0,
    "explainer.fit_evaluations": 0,
    "explainer.fit_texts": 1,
    "sandbox.memory_mib": 64,
    "sandbox.shared_mib": 1,
    "sandbox.check_texts": 0,
    "scoring.memory_mib": 1,
    "scoring.bootstrap_samples": 1,
    "replacement.texts": 0,
    "replacement.windows": 1,
    "replacement.damage_texts": 1,
    "replacement.batch_texts": 1,
    "replacement.fisher_texts": 1,
    "replacement.fisher_samples": 1,
    "replacement.greedy_rounds": 1,
    "replacement.together_draws": 1,
    "replacement.together_texts": 1,
    "replacement.choice_texts": 0,
    "distillation.steps": 0,
    "distillation.layer_steps": 0,
    "distillation.batch_texts": 1,
    "distillation.check_texts": 0,
    "distillation.check_every": 1,
    "distillation.memory_mib": 0,
    "evaluation.limit": 1,
    "evaluation.batch_size": 1,
    "report.example_heads": 0,
}
"""The least that a setting, or each number of a list, may be."""

OPTIONAL = ("temperature", "seed")
"""What a request to a language model can do without."""


def check(config: Config, place: str) -> None:
    """Makes sure that settings of the right types also make sense, alone and together.

    Args:
        config: The settings.
        place: Names the file they are from.

    Raises:
        UserError: for the first that does not; value, place and remedy are named.
    """
    _check_names(config, place)
    _check_corpora(config.corpora, place)
    _check_numbers(config, place)
    _check_percents(config, place)
    _check_questions(config, place)
    _check_distillation(config, place)
    check_left_out(config.explainer.leave_out, f"{place}: explainer.leave_out")


def check_left_out(names: Sequence[str], place: str) -> None:
    """Makes sure that a request can do without what is left out.

    Raises:
        UserError: for the first name that it needs, or does not know.
    """
    for name in names:
        if name not in OPTIONAL:
            raise UserError(f"{place} names {name!r}; only {' and '.join(OPTIONAL)} can be left out")


def _check_percents(config: Config, place: str) -> None:
    shares_replaced = {
        "replacement": (*config.replacement.percents, *config.replacement.few_percents),
        "distillation": config.distillation.percents,
        "evaluation": config.evaluation.percents,
        "tracking": (config.tracking.gate_percent,),
    }
    for stage, percents in shares_replaced.items():
        for percent in percents:
            if not 0 <= percent <= 100:
                raise UserError(f"{place}: {stage} names {percent} percent of heads; write a number from 0 to 100")
    if config.tracking.gate_percent not in config.replacement.percents:
        raise UserError(
            f"{place}: tracking.gate_percent is {config.tracking.gate_percent}, which replacement.percents does not "
            "measure; add it there"
        )


def _check_questions(config: Config, place: str) -> None:
    """A version would be registered without a word on what it does to answers."""
    percent, asked = config.tracking.gate_percent, config.evaluation.percents
    if config.evaluation.tasks and percent not in asked:
        raise UserError(
            f"{place}: evaluation.percents is {list(asked)}, and the registered surrogate replaces {percent} percent "
            "(tracking.gate_percent); add that share, or leave evaluation.tasks empty"
        )
    if config.evaluation.tasks and 0 not in asked:
        raise UserError(f"{place}: evaluation.percents is {list(asked)}; add 0, which all others are compared with")


def _check_distillation(config: Config, place: str) -> None:
    percents, steps = config.distillation.percents, config.distillation.steps
    if len(percents) != len(steps):
        raise UserError(
            f"{place}: distillation.steps has {len(steps)} numbers for the {len(percents)} shares of "
            "distillation.percents; write one for each"
        )
    if list(percents) != sorted(set(percents)):
        raise UserError(f"{place}: distillation.percents is {list(percents)}; write ascending shares")
    # A share's constants start from those of the shares before, so their steps count as well.
    known = [percent for percent in percents if percent >= config.tracking.gate_percent][:1] or list(percents[-1:])
    if not sum(step for percent, step in zip(percents, steps, strict=True) if known and percent <= known[0]):
        raise UserError(
            f"{place}: distillation.steps is {list(steps)}, so that the registered share of heads "
            f"({config.tracking.gate_percent} percent) is not fitted to the model's predictions as its record says; "
            "give it steps"
        )
    measured = max((*config.replacement.percents, *config.replacement.few_percents, *config.evaluation.percents))
    if not percents or measured > percents[-1]:
        raise UserError(
            f"{place}: replacement or evaluation replaces {measured} percent of heads, distillation.percents ends "
            "below; add that share there"
        )


def _check_names(config: Config, place: str) -> None:
    """Names become folders, so they may not lead elsewhere."""
    for key, name in {"profile": config.profile, "model.name": config.model.name}.items():
        if not _PLAIN_NAME.fullmatch(name):
            raise UserError(f"{place}: {key} is {name!r}, which names no folder; use letters, digits and . _ -")
    corpora = ["all", *(source.name for source in config.corpora.sources)]
    if config.replacement.corpus not in corpora:
        raise UserError(
            f"{place}: replacement.corpus is {config.replacement.corpus!r}; write one of {', '.join(corpora)}"
        )
    model = config.model
    if model.source == "folder" and model.watched not in ("", model.location):
        raise UserError(
            f"{place}: model.watched is {model.watched!r}, so that no change of the model's files would be seen; write "
            f"its folder, {model.location}"
        )
    if not config.attention.heads:
        raise UserError(f"{place}: attention.heads is empty; write all, every K, or names such as L5H1")


def _check_corpora(corpora: CorporaSettings, place: str) -> None:
    shares = corpora.validation_share, corpora.test_share
    if min(shares) <= 0 or sum(shares) >= 1:
        raise UserError(
            f"{place}: corpora.validation_share + corpora.test_share is {sum(shares)}; leave some for train"
        )
    names = [source.name for source in corpora.sources]
    if not names:
        raise UserError(f"{place}: corpora.sources is empty; name a corpus")
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{place}: corpora.sources names {name!r} twice; rename one")
    for source in corpora.sources:
        for key, (first, last) in (("rows", source.rows), ("test_rows", source.test_rows)):
            if (first, last) != (0, 0) and not 0 <= first < last:
                raise UserError(
                    f"{place}: {key} of corpus {source.name!r} are {first} to {last}; write a range, or (0, 0) for none"
                )


def _check_numbers(config: Config, place: str) -> None:
    for name, least in LEAST.items():
        value = attrgetter(name)(config)
        for number in value if isinstance(value, tuple) else (value,):
            if number < least:
                verb = "holds" if isinstance(value, tuple) else "is"
                raise UserError(f"{place}: {name} {verb} {number}; it must be {least} or more")
    for name in ("sandbox.text_seconds", "sandbox.program_seconds", "explainer.timeout_seconds"):
        seconds = attrgetter(name)(config)
        if seconds <= 0:
            raise UserError(f"{place}: {name} is {seconds}; it must be above 0, or nothing can run")
    if config.synthesis.ridge <= 0:
        raise UserError(f"{place}: synthesis.ridge is {config.synthesis.ridge}; it must be above 0, or fits can fail")
