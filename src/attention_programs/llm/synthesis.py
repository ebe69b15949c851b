"""The method: evidence, first programs, evaluation, revision, coefficients (paper, section on synthesis)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from attention_programs.attention.pattern_store import AttentionIndex
from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.backends import Replies
from attention_programs.llm.call_log import Call, Request
from attention_programs.llm.dialect import description_in_prompts
from attention_programs.llm.evaluator import Evaluator, Fit
from attention_programs.llm.prompts import EvaluatedProgram, EvaluatedText, Known, Prompt, PromptWriter
from attention_programs.llm.replies import ParsedReply, parse_reply
from attention_programs.llm.synthesis_summary import HeadSynthesis, SynthesisResult, Written
from attention_programs.llm.tokens import token_counter
from attention_programs.programs.methods import LLM, SEARCH
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import ProgramRecord, parse
from attention_programs.progress import progress
from attention_programs.sparse_search.coefficients import FittedCoefficients, fit_coefficients
from attention_programs.sparse_search.evidence import EvidenceMaker, most_different
from attention_programs.untrusted.execution import SandboxRunner
from attention_programs.untrusted.vetting import Candidate, vet


class Backend(Protocol):
    """Anything that answers requests."""

    def replies(self, requests: Sequence[Request]) -> Replies:
        """Answers the requests, one per head."""
        ...


class Explainer:
    """Writes programs for heads with the help of a language model."""

    def __init__(
        self,
        settings: ExplainerSettings,
        index: AttentionIndex,
        evaluator: Evaluator,
        runner: SandboxRunner,
        prefix_test: PrefixTest,
        found_programs: Sequence[ProgramRecord],
    ) -> None:
        self._settings = settings
        self._index = index
        self.evaluator = evaluator
        self._runner = runner
        self._prefix_test = prefix_test
        self._own = {
            head: program for program in found_programs if program.author == SEARCH for head in program.intended_heads
        }
        self._evidence = EvidenceMaker(
            evaluator.texts, index.heads, index.causal, settings.excerpts, settings.max_weights
        )
        self._writer = PromptWriter(
            settings.format,
            index.causal,
            settings.programs,
            settings.prompt_tokens,
            token_counter(settings.tokenizer),
            evaluator.texts.hold_special,
        )

    def first_prompt(self, head: str) -> Prompt:
        """The prompt of a head's first request."""
        return self._writer.synthesis(self._evidence.of(head), self._known(head))

    def run(self, heads: Sequence[str], backend: Backend) -> SynthesisResult:
        """Runs all rounds, then fits coefficients.

        Raises:
            UserError: if the backend can't continue.
        """
        synthesis = SynthesisResult({head: HeadSynthesis(head) for head in heads})
        for number in range(self._settings.refinements + 1):
            asked = [head for head in heads if head not in synthesis.failed and head not in synthesis.left]
            requests = [self.request(synthesis.head_results[head], number) for head in asked]
            replies = backend.replies(requests)
            synthesis.prompts += len(replies.answers)
            synthesis.prompts_reproduced_verbatim += replies.prompts_reproduced_verbatim
            synthesis.failed |= replies.failed
            synthesis.left += replies.left
            self._take(synthesis, replies, number)
        for head_result in progress(list(synthesis.head_results.values()), "coefficients", unit="heads"):
            self._fit(head_result)
        return synthesis

    def search_program_of(self, head: str) -> ProgramRecord:
        """The search's own program for a head.

        Raises:
            UserError: if there is none.
        """
        if head not in self._own:
            raise UserError(
                f"the search has no program for head {head}; run `dvc repro search` on the current settings"
            )
        return self._own[head]

    def fit_coefficients_of(self, program: ProgramRecord, head: str, evaluations: int) -> FittedCoefficients:
        """Fits a program's coefficients to a head on a sample of the texts."""
        texts = self.evaluator.texts.all[:: max(len(self.evaluator.texts.all) // self._settings.fit_texts, 1)]
        return fit_coefficients(
            program.source,
            lambda source: float(self.evaluator.ious(with_source(program, source, {}), head, texts).mean()),
            evaluations,
        )

    def request(self, head_result: HeadSynthesis, number: int) -> Request:
        """The request for a head in a round."""
        head, best = head_result.head, head_result.best
        if number == 0:
            prompt = self.first_prompt(head)
        else:
            evaluated = self._evaluated(head, best) if best else None
            prompt = self._writer.refinement(self._evidence.of(head), evaluated, head_result.failures[:4])
        return Request(
            head=head,
            round=number,
            target=self._index.weights_sha256,
            model=self._settings.model,
            messages=prompt.messages,
            settings=request_settings(self._settings),
            templates=prompt.templates,
        )

    def _known(self, head: str) -> Known | None:
        program = self._own.get(head)
        if program is None:
            return None
        position = self.evaluator.position(head)
        places = self.evaluator.texts.excerpt(position, self._settings.excerpts)
        texts = [self.evaluator.texts.shown[place] for place in places]
        most = -(-self._settings.max_weights // len(texts))
        residual = [
            weight
            for text in texts
            for weight in most_different(text, position, self.evaluator.predicted(program, text), most)
        ]
        residual.sort(key=lambda weight: -abs(weight.true - (weight.predicted or 0.0)))
        iou = float(self.evaluator.ious(program, head, self.evaluator.texts.shown).mean())
        return Known(description_in_prompts(program.description), iou, tuple(residual))

    def _evaluated(self, head: str, written: Written) -> EvaluatedProgram:
        position, shown = self.evaluator.position(head), self.evaluator.texts.shown
        distances = written.fit.distances[: len(shown)]
        chosen = [int(distances.argmin()), int(distances.argmax())]

        def evaluated(place: int) -> EvaluatedText:
            predicted = self.evaluator.predicted(written.record, shown[place])
            weights = most_different(shown[place], position, predicted, self._settings.max_weights)
            return EvaluatedText(place == chosen[0], shown[place].opening, float(distances[place]), weights)

        texts = tuple(map(evaluated, dict.fromkeys(chosen)))
        return EvaluatedProgram(written.record.source, float(distances.mean()), texts)

    def _take(self, synthesis: SynthesisResult, replies: Replies, number: int) -> None:
        candidates: list[Candidate] = []
        for head, call in replies.answers.items():
            head_result = synthesis.head_results[head]
            head_result.calls.append(call)
            parsed = parse_reply(call, self._settings.format)
            synthesis.problems.update(str(problem) for problem in parsed.problems)
            head_result.failures = [str(problem) for problem in parsed.problems]
            candidates += self._candidates(head_result, call, parsed, number)
        synthesis.candidates += len(candidates)
        vetting = vet(candidates, self._runner, self._prefix_test)
        synthesis.vettings.append(vetting)
        for rejection in vetting.rejected:
            (head,) = rejection.candidate.intended_heads
            synthesis.head_results[head].failures.append(f"{rejection.reason}: {rejection.message}"[:200])
        heads = [record.intended_heads[0] for record in vetting.accepted]
        fits = self.evaluator.fits(vetting.accepted, heads)
        for record, head, fit in zip(vetting.accepted, heads, fits, strict=True):
            written = synthesis.head_results[head].written
            if any(record.id == each.record.id for each in written):
                synthesis.repeated += 1
            else:
                written.append(Written(_with_fit(record, fit), fit, number))
        for head_result in synthesis.head_results.values():
            head_result.choose(number)

    def _candidates(self, head_result: HeadSynthesis, call: Call, parsed: ParsedReply, number: int) -> list[Candidate]:
        request = call.request
        provenance = {
            "author": LLM,
            "call": call.key,
            "prompt_sha256": request.prompt_sha256,
            "templates": request.templates,
            "settings": request.settings,
            "round": number,
            "served_by": call.served_by,
            "weights_sha256": self._index.weights_sha256,
            **({"parent": head_result.best.record.id} if number and head_result.best else {}),
        }
        return [
            Candidate(
                name=f"llm {head_result.head} {number + 1}.{place}",
                source=program.source,
                description=program.hypothesis,
                author=LLM,
                format="paper" if self._settings.format == "paper" else "view",
                entry=program.entry,
                intended_heads=[head_result.head],
                provenance=dict(provenance),
            )
            for place, program in enumerate(parsed.programs, start=1)
        ]

    def _fit(self, head_result: HeadSynthesis) -> None:
        if head_result.best is None or self._settings.fit_evaluations == 0:
            return
        parent = head_result.best.record
        found = self.fit_coefficients_of(parent, head_result.head, self._settings.fit_evaluations)
        head_result.coefficients = found
        if found.after > found.before:
            coefficients = {
                "fitted": found.coefficients,
                "evaluations": found.evaluations,
                "iou_before": found.before,
                "iou_after": found.after,
            }
            child = with_source(parent, found.source, {"parent": parent.id, "coefficients": coefficients})
            (fit,) = self.evaluator.fits([child], [head_result.head])
            head_result.fitted = _with_fit(child, fit)


def request_settings(settings: ExplainerSettings) -> dict[str, Any]:
    """The settings sent along with model and messages.

    >>> request_settings(ExplainerSettings(max_completion_tokens=90, leave_out=("temperature",)))
    {'max_tokens': 90, 'seed': 0}
    """
    known = {
        settings.max_completion_tokens_name: settings.max_completion_tokens,
        "seed": settings.seed,
        "temperature": settings.temperature,
    }
    return {name: value for name, value in known.items() if name not in settings.leave_out}


def with_source(parent: ProgramRecord, source: str, provenance: dict[str, object]) -> ProgramRecord:
    """A program of the same structure with other coefficients; which tokens it depends on is unchanged."""
    parsed = parse(source, parent.format, parent.entry, parent.name)
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
