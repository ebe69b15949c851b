"""What became of each program of an imported file, for the terminal."""

from collections import defaultdict

from attention_programs.programs.outcome import Reason
from attention_programs.programs.table import ProgramRecord
from attention_programs.untrusted.importing import Intake


def intake_table(intake: Intake) -> str:
    """One line a program of an imported file: whether it runs, whether it looks ahead, or why it is refused.

    Programs that lack the same helper share a line.
    """
    verdicts = {program.name: _verdict(program) for program in intake.admission.admitted}
    lacking = defaultdict[str, list[str]](list)
    for refusal in intake.admission.refused:
        verdict = f"{refusal.reason}: {refusal.message}"
        if refusal.reason is Reason.MISSING_HELPER:
            lacking[verdict].append(refusal.candidate.name)
        else:
            verdicts[refusal.candidate.name] = verdict
    width = max((len(name) for name in verdicts), default=0)
    lines = [f"{each.name:{width}}  {verdicts[each.name]}" for each in intake.file.candidates if each.name in verdicts]
    lines += [
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}  {verdict}"
        for verdict, names in lacking.items()
    ]
    counts = [f"{count} {reason}" for reason, count in intake.admission.counts.items() if count]
    total = f"{len(intake.admission.admitted)} of {len(intake.file.candidates)} programs run"
    return "\n".join([*lines, *intake.file.remarks, "", f"{total} ({', '.join(counts)})" if counts else total])


def _verdict(program: ProgramRecord) -> str:
    marks = ["looks ahead"] if program.causal == "looks ahead" else ["obeys the prefix rule"]
    marks += ["depends on the order of sets"] if program.set_order_matters else []
    return f"runs; {', '.join(marks)}"
