"""A program written by hand, tried on a head like the language model's: only on training texts."""

from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text
from attention_programs.llm.evaluator import Fit
from attention_programs.llm.session import Session
from attention_programs.programs.methods import IMPORTED, SEARCH
from attention_programs.programs.prefix import PrefixVerdict
from attention_programs.sparse_search.coefficients import FittedCoefficients
from attention_programs.tables import table
from attention_programs.untrusted.vetting import Candidate, vet


@dataclass(frozen=True)
class Trial:
    """How well a program fits a head."""

    prefix_test: PrefixVerdict
    fits: dict[str, Fit]
    """The program's fit under its file name, and the search's program's under ``search``."""
    coefficients: FittedCoefficients | None
    """The fitted coefficients; None if no fit was requested."""

    def table(self) -> str:
        """The trial as shown in the terminal."""
        headers = ["program", "IoU", f"distance (Jensen-Shannon, {len(self.fits[SEARCH].ious)} training texts)"]
        rows = [(name, f"{fit.iou:.3f}", f"{fit.distance:.3f}") for name, fit in self.fits.items()]
        lines = [table(headers, rows)]
        if self.prefix_test == "looks_ahead":
            lines += ["", "It looks ahead: rows of its pattern depend on later tokens."]
        if self.coefficients is not None:
            fitted = self.coefficients
            lines += [
                "",
                f"{fitted.coefficients} coefficients fitted in {fitted.evaluations} evaluations on a sample of texts:",
            ]
            lines += [f"IoU {fitted.before:.3f} before, {fitted.after:.3f} after", "", fitted.source.rstrip()]
        return "\n".join(lines)


def try_program(session: Session, file: Path, head: str, evaluations: int) -> Trial:
    """Runs a program in the sandbox (in this process if it only uses the vocabulary) and compares it with a head.

    Raises:
        UserError: if the program can't be used.
    """
    candidate = Candidate(file.name, read_text(file), "", IMPORTED, "view", "program", [head])
    tried = vet([candidate], session.runner, session.prefix_test)
    for rejection in tried.rejected:
        raise UserError(f"{file}: {rejection.reason}: {rejection.message}; fix it")
    (program,) = tried.accepted
    compared = {file.name: program, SEARCH: session.explainer.search_program_of(head)}
    fits = session.explainer.evaluator.fits(list(compared.values()), [head] * len(compared))
    coefficients = session.explainer.fit_coefficients_of(program, head, evaluations) if evaluations else None
    return Trial(program.prefix_test, dict(zip(compared, fits, strict=True)), coefficients)
