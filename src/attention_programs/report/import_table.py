"""The outcome for each program of an imported file, for the terminal."""

from collections import defaultdict

from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Reason
from attention_programs.untrusted.program_import import ImportResult


def import_table(imported: ImportResult) -> str:
    """One line per program of an imported file: whether it runs and looks ahead, or why it was rejected.

    Programs that lack the same helper share a line.
    """
    verdicts = {program.name: _verdict(program) for program in imported.vetting.accepted}
    lacking = defaultdict[str, list[str]](list)
    for rejection in imported.vetting.rejected:
        verdict = f"{rejection.reason}: {rejection.message}"
        if rejection.reason is Reason.MISSING_HELPER:
            lacking[verdict].append(rejection.candidate.name)
        else:
            verdicts[rejection.candidate.name] = verdict
    width = max((len(name) for name in verdicts), default=0)
    lines = [
        f"{each.name:{width}}  {verdicts[each.name]}" for each in imported.file.candidates if each.name in verdicts
    ]
    lines += [
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}  {verdict}"
        for verdict, names in lacking.items()
    ]
    counts = [f"{count} {reason}" for reason, count in imported.vetting.counts.items() if count]
    total = f"{len(imported.vetting.accepted)} of {len(imported.file.candidates)} programs run"
    return "\n".join([*lines, *imported.file.remarks, "", f"{total} ({', '.join(counts)})" if counts else total])


def _verdict(program: ProgramRecord) -> str:
    marks = ["looks ahead"] if program.causal == "looks_ahead" else ["obeys the prefix rule"]
    marks += ["depends on the order of sets"] if program.set_order_matters else []
    return f"runs; {', '.join(marks)}"
