"""The method: evidence, first programs, trial, revision, constants (paper, section on synthesis)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from attention_programs.attention.store import AttentionIndex
from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.asking import Replies
from attention_programs.llm.dialect import description_in_prompts
from attention_programs.llm.exchanges import Exchange, Request
from attention_programs.llm.judging import Fit, Judge
from attention_programs.llm.outcome import HeadStory, Told, Written
from attention_programs.llm.prompts import Judged, JudgedText, Known, Prompt, PromptWriter
from attention_programs.llm.replies import ParsedReply, parse_reply
from attention_programs.llm.tokens import token_counter
from attention_programs.programs.methods import LLM, SEARCH
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.table import ProgramRecord, parse
from attention_programs.progress import progress
from attention_programs.sparse_search.coefficients import FittedConstants, fit_constants
from attention_programs.sparse_search.evidence import EvidenceMaker, most_different
from attention_programs.untrusted.execution import SandboxRunner
from attention_programs.untrusted.vetting import Candidate, admit


class Replier(Protocol):
    """Whatever answers requests."""

    def replies(self, requests: Sequence[Request]) -> Replies:
        """The answer of each head."""
        ...


class Explainer:
    """Writes programs for heads with the help of a language model."""

    def __init__(
        self,
        settings: ExplainerSettings,
        index: AttentionIndex,
        judge: Judge,
        runner: SandboxRunner,
        prefix_test: PrefixTest,
        searched: Sequence[ProgramRecord],
    ) -> None:
        self._settings = settings
        self._index = index
        self.judge = judge
        self._runner = runner
        self._prefix_test = prefix_test
        self._own = {
            head: program for program in searched if program.author == SEARCH for head in program.intended_heads
        }
        self._evidence = EvidenceMaker(judge.texts, index.heads, index.causal, settings.excerpts, settings.most_weights)
        self._writer = PromptWriter(
            settings.form,
            index.causal,
            settings.programs,
            settings.prompt_tokens,
            token_counter(settings.tokenizer),
            judge.texts.hold_special,
        )

    def first_prompt(self, head: str) -> Prompt:
        """What the first request of a head says."""
        return self._writer.synthesis(self._evidence.of(head), self._known(head))

    def tell(self, heads: Sequence[str], replier: Replier) -> Told:
        """Goes through all rounds.

        Raises:
            UserError: if the replier can't go on.
        """
        told = Told({head: HeadStory(head) for head in heads})
        for number in range(self._settings.refinements + 1):
            asked = [head for head in heads if head not in told.failed and head not in told.left]
            requests = [self.request(told.stories[head], number) for head in asked]
            replies = replier.replies(requests)
            told.prompts += len(replies.answers)
            told.prompts_as_recorded += replies.prompts_as_recorded
            told.failed |= replies.failed
            told.left += replies.left
            self._take(told, replies, number)
        for story in progress(list(told.stories.values()), "constants", len(told.stories), "heads"):
            self._fit(story)
        return told

    def searched_for(self, head: str) -> ProgramRecord:
        """The search's own program of a head.

        Raises:
            UserError: if it has none.
        """
        if head not in self._own:
            raise UserError(
                f"the search has no program for head {head}; run `dvc repro search` on the current settings"
            )
        return self._own[head]

    def fit_constants_of(self, program: ProgramRecord, head: str, evaluations: int) -> FittedConstants:
        """Fits a program's constants to a head on some of the texts."""
        texts = self.judge.texts.all[:: max(len(self.judge.texts.all) // self._settings.fit_texts, 1)]
        return fit_constants(
            program.source,
            lambda source: float(self.judge.ious(with_source(program, source, {}), head, texts).mean()),
            evaluations,
        )

    def request(self, story: HeadStory, number: int) -> Request:
        """The request of a head in a round."""
        prompt = self.first_prompt(story.head) if number == 0 else self._refinement(story)
        return Request(
            head=story.head,
            round=number,
            target=self._index.weights_sha256,
            model=self._settings.model,
            messages=prompt.messages,
            settings=request_settings(self._settings),
            templates=prompt.templates,
        )

    def _known(self, head: str) -> Known | None:
        """The search's program of a head and what it leaves unexplained on the texts of the head's prompt."""
        program = self._own.get(head)
        if program is None:
            return None
        position = self.judge.position(head)
        places = self.judge.texts.excerpt(position, self._settings.excerpts)
        texts = [self.judge.texts.shown[place] for place in places]
        most = -(-self._settings.most_weights // len(texts))
        residual = [
            weight
            for text in texts
            for weight in most_different(text, position, self.judge.predicted(program, text), most)
        ]
        residual.sort(key=lambda weight: -abs(weight.real - (weight.predicted or 0.0)))
        iou = float(self.judge.ious(program, head, self.judge.texts.shown).mean())
        return Known(description_in_prompts(program.description), iou, tuple(residual))

    def _refinement(self, story: HeadStory) -> Prompt:
        judged = None if story.best is None else self._judged(story.head, story.best)
        return self._writer.refinement(self._evidence.of(story.head), judged, story.failures[:4])

    def _judged(self, head: str, written: Written) -> Judged:
        """The best and the worst text of those that prompts may show, with the weights that tell most."""
        position, shown = self.judge.position(head), self.judge.texts.shown
        distances = written.fit.distances[: len(shown)]
        chosen = [int(distances.argmin()), int(distances.argmax())]
        texts = tuple(
            JudgedText(
                best=place == chosen[0],
                opening=shown[place].opening,
                distance=float(distances[place]),
                weights=most_different(
                    shown[place],
                    position,
                    self.judge.predicted(written.record, shown[place]),
                    self._settings.most_weights,
                ),
            )
            for place in dict.fromkeys(chosen)
        )
        return Judged(written.record.source, float(distances.mean()), texts)

    def _take(self, told: Told, replies: Replies, number: int) -> None:
        """Tries every candidate of a round and keeps the best program of each head."""
        candidates: list[Candidate] = []
        known = {(story.head, each.record.id) for story in told.stories.values() for each in story.written}
        for head, exchange in replies.answers.items():
            story = told.stories[head]
            story.exchanges.append(exchange)
            parsed = parse_reply(exchange, self._settings.form)
            told.problems.update(str(problem) for problem in parsed.problems)
            story.failures = [str(problem) for problem in parsed.problems]
            candidates += self._candidates(story, exchange, parsed, number)
        told.candidates += len(candidates)
        admission = admit(candidates, self._runner, self._prefix_test)
        told.admissions.append(admission)
        for refusal in admission.refused:
            (head,) = refusal.candidate.intended_heads
            told.stories[head].failures.append(f"{refusal.reason}: {refusal.message}"[:200])
        heads = [record.intended_heads[0] for record in admission.admitted]
        for record, head, fit in zip(
            admission.admitted, heads, self.judge.fits(admission.admitted, heads), strict=True
        ):
            if (head, record.id) in known:
                told.repeated += 1
                continue
            known.add((head, record.id))
            told.stories[head].written.append(Written(_with_fit(record, fit), fit, number))
        for story in told.stories.values():
            story.choose(number)

    def _candidates(self, story: HeadStory, exchange: Exchange, parsed: ParsedReply, number: int) -> list[Candidate]:
        request = exchange.request
        provenance = {
            "author": LLM,
            "exchange": exchange.key,
            "prompt_sha256": request.prompt_sha256,
            "templates": request.templates,
            "settings": request.settings,
            "round": number,
            "served_by": exchange.served_by,
            "weights_sha256": self._index.weights_sha256,
            **({"parent": story.best.record.id} if number and story.best else {}),
        }
        paper = self._settings.form == "paper"
        return [
            Candidate(
                name=f"llm {story.head} {number + 1}.{place}",
                source=program.source,
                description=program.hypothesis,
                author=LLM,
                form="paper" if paper else "view",
                entry=program.entry,
                intended_heads=[story.head],
                provenance=dict(provenance),
            )
            for place, program in enumerate(parsed.programs, start=1)
        ]

    def _fit(self, story: HeadStory) -> None:
        """Fits the constants of a head's best program."""
        if story.best is None or self._settings.fit_evaluations == 0:
            return
        parent = story.best.record
        story.constants = self.fit_constants_of(parent, story.head, self._settings.fit_evaluations)
        if story.constants.after > story.constants.before:
            story.fitted = self._child(parent, story.constants, story.head)

    def _child(self, parent: ProgramRecord, constants: FittedConstants, head: str) -> ProgramRecord:
        child = with_source(
            parent,
            constants.source,
            {
                "parent": parent.id,
                "constants": {
                    "fitted": constants.constants,
                    "evaluations": constants.evaluations,
                    "iou_before": constants.before,
                    "iou_after": constants.after,
                },
            },
        )
        (fit,) = self.judge.fits([child], [head])
        return _with_fit(child, fit)


def request_settings(settings: ExplainerSettings) -> dict[str, Any]:
    """What is sent beside model and messages.

    >>> request_settings(ExplainerSettings(reply_tokens=90, leave_out=("temperature",)))
    {'max_tokens': 90, 'seed': 0}
    """
    known = {
        settings.reply_tokens_name: settings.reply_tokens,
        "seed": settings.seed,
        "temperature": settings.temperature,
    }
    return {name: value for name, value in known.items() if name not in settings.leave_out}


def with_source(parent: ProgramRecord, source: str, provenance: dict[str, object]) -> ProgramRecord:
    """A program of the same structure with other constants; what it may see of a text is unchanged."""
    parsed = parse(source, parent.form, parent.entry, parent.name)
    return replace(
        parent,
        id=parsed.program_id,
        name=f"{parent.name} fitted",
        source=source,
        terms=parsed.terms,
        nodes=parsed.nodes,
        provenance={**parent.provenance, **provenance},
    )


def _with_fit(record: ProgramRecord, fit: Fit) -> ProgramRecord:
    return replace(record, provenance={**record.provenance, "jsd_train": fit.distance, "iou_train": fit.iou})
