"""The record of a head's program: its source, and the file, search, or prompt and reply that it came from."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_csv, records, sha256_text
from attention_programs.llm.call_log import Call, read_calls
from attention_programs.llm.prompts import template_hashes
from attention_programs.llm.replies import parse_reply
from attention_programs.models.model_record import weights_hash
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import ProgramRecord, parse, read_programs
from attention_programs.provenance.files import FileRecords
from attention_programs.provenance.hashes import FETCH
from attention_programs.provenance.record import Finding, Node

TABLES = ("programs.jsonl", "distilled.jsonl", "found_programs.jsonl", "equal_size.jsonl", "analyses.jsonl")
"""Tables of programs in a profile's data, the one that heads choose from first."""
EXCHANGES = "library/exchanges"


@dataclass
class ProgramRecords:
    """Adds heads, programs, prompts and replies to a record."""

    files: FileRecords
    _tables: dict[str, dict[str, ProgramRecord]] = field(default_factory=dict)
    _calls: dict[str, tuple[Call, str]] = field(default_factory=dict)
    """Every recorded call and the file that it is in, by key."""

    def head(self, name: str, profile: str) -> str:
        """Adds a head: the row that chose its program, and the program; returns the node's key.

        Raises:
            UserError: if the profile has no program for it.
        """
        table = f"results/{profile}/heads.csv"
        rows = read_csv(self.files.root / table)
        chosen = records(rows[(rows["head"] == name) & (rows["method"] == SELECTED)])
        if not chosen:
            raise UserError(f"{table} has no program for head {name!r}; `attention-programs heads` lists its heads")
        (row,) = chosen
        return self.files.add(
            Node(
                f"head {name} of {profile}",
                "head",
                name,
                details=f"profile {profile}, {row.program_name}, test IoU {row.iou_test:.3f}",
                sources=(self.program(row.program_id, profile), self.files.file(table)),
            )
        )

    def program(self, program_id: str, profile: str) -> str:
        """Adds a program of a profile; returns the node's key.

        Args:
            program_id: Its id, or the beginning of it, or its name.
            profile: The profile.

        Raises:
            UserError: if the profile has no such program, or several.
        """
        found = self._find(program_id, profile)
        if found is None:
            return self._not_here(program_id, profile)
        table, program = found
        return self.known(program, profile, (self.files.file(table),))

    def known(self, program: ProgramRecord, profile: str, sources: tuple[str, ...] = ()) -> str:
        """Adds a program whose record is at hand; returns the node's key.

        Args:
            program: The program.
            profile: The profile that it belongs to.
            sources: Keys of what its record was read from.
        """
        key = f"program {program.id}"
        if key not in self.files.nodes:
            self.files.add(
                Node(
                    key,
                    "program",
                    program.name,
                    f"sha256:{program.id}",
                    f"{program.author}: {program.description}",
                    tuple(dict.fromkeys([*self._origins(program, profile), *sources])),
                    partial(_check_program, program),
                )
            )
        return key

    def weights(self, model: str, recorded: str) -> str:
        """Adds a model's weights, whose SHA-256 is recorded; returns the node's key."""
        check = partial(_check_weights, self.files.root / "models" / model, recorded)
        return self.files.add(Node(f"weights {model}", "weights", model, f"sha256:{recorded}", check=check))

    def _find(self, wanted: str, profile: str) -> tuple[str, ProgramRecord] | None:
        for name in TABLES:
            place = f"data/{profile}/{name}"
            programs = self._table(place)
            same = [program for key, program in programs.items() if key.startswith(wanted) or program.name == wanted]
            if len(same) > 1 and wanted not in programs:
                names = ", ".join(program.id[:12] for program in same[:5])
                raise UserError(f"several programs in {place} begin with {wanted!r}: {names}; write more of the id")
            if same:
                return place, programs.get(wanted, same[0])
        return None

    def _table(self, place: str) -> dict[str, ProgramRecord]:
        if place not in self._tables:
            there = (self.files.root / place).is_file()
            programs = read_programs(self.files.root / place) if there else []
            self._tables[place] = {program.id: program for program in programs}
        return self._tables[place]

    def _not_here(self, wanted: str, profile: str) -> str:
        """Adds a program of which only the choice is in git, as its table is not here."""
        table = f"results/{profile}/heads.csv"
        rows = read_csv(self.files.root / table)
        same = rows[rows["program_id"].str.startswith(wanted) | (rows["program_name"] == wanted)]
        ids = sorted(set(same["program_id"]))
        if len(ids) != 1:
            problem = "has no program" if not ids else f"has {len(ids)} programs that begin with or are called"
            raise UserError(f"profile {profile!r} {problem} {wanted!r}; `attention-programs heads` lists names and ids")
        row, place = same.iloc[0], f"data/{profile}/programs.jsonl"
        missing = partial(Finding, "unverified", f"{place} is not here; {FETCH}")
        sources = (self.files.file(place), self.files.file(table))
        return self.files.add(
            Node(
                f"program {ids[0]}",
                "program",
                row["program_name"],
                f"sha256:{ids[0]}",
                str(row["author"]),
                sources,
                missing,
            )
        )

    def _origins(self, program: ProgramRecord, profile: str) -> list[str]:
        made_from = program.provenance
        origins = []
        if "parent" in made_from:
            origins.append(self._parent(made_from["parent"], profile))
        calls = dict.fromkeys(made_from.get("calls", {}).values())
        origins += [self._reply(key, program) for key in calls]
        if "file" in made_from and (self.files.root / made_from["file"]).is_file():
            origins.append(self.files.file(made_from["file"]))
        return origins

    def _parent(self, parent: str, profile: str) -> str:
        found = self._find(parent, profile)
        if found:
            return self.known(found[1], profile, (self.files.file(found[0]),))
        missing = partial(Finding, "unverified", f"data/{profile} has no program {parent[:12]}; {FETCH}")
        return self.files.add(Node(f"program {parent}", "program", parent[:12], f"sha256:{parent}", check=missing))

    def _reply(self, key: str, program: ProgramRecord) -> str:
        if not self._calls:
            for file in sorted((self.files.root / EXCHANGES).glob("*.jsonl")):
                self._calls |= {call.key: (call, f"{EXCHANGES}/{file.name}") for call in read_calls(file)}
        if key not in self._calls:
            missing = partial(Finding, "unverified", f"{EXCHANGES} has no call {key[:12]}")
            return self.files.add(Node(f"reply {key}", "reply", "not recorded here", check=missing))
        call, log = self._calls[key]
        templates = [self._template(name, recorded) for name, recorded in sorted(call.request.templates.items())]
        prompt = self.files.add(
            Node(
                f"prompt {key}",
                "prompt",
                f"{call.request.head}, round {call.request.round}, to {call.request.model}",
                f"sha256:{call.request.prompt_sha256}",
                sources=(*templates, self.files.file(log)),
                check=partial(_check_prompt, call, program),
            )
        )
        return self.files.add(
            Node(
                f"reply {key}",
                "reply",
                f"{len(call.reply)} characters",
                f"sha256:{sha256_text(call.reply)}",
                sources=(prompt,),
                check=partial(_check_reply, call, program),
            )
        )

    def _template(self, name: str, recorded: str) -> str:
        def check() -> Finding:
            if template_hashes().get(name) == recorded:
                return Finding("verified")
            return Finding("unverified", f"{name} changed since; the prompt that it gave is recorded in full")

        return self.files.add(Node(f"template {name} {recorded}", "template", name, f"sha256:{recorded}", check=check))


def _check_program(program: ProgramRecord) -> Finding:
    found = parse(program.source, program.format, program.entry, program.name).program_id
    same = found == program.id
    return Finding("verified") if same else Finding("differs", f"{program.name}: its source has the hash {found}")


def _check_prompt(call: Call, program: ProgramRecord) -> Finding:
    recorded = program.provenance.get("prompt_sha256", "")
    if call.key in program.provenance.get("call", call.key) and recorded not in ("", call.request.prompt_sha256):
        return Finding("differs", f"{program.name} was written from another prompt than that of call {call.key[:12]}")
    return Finding("verified")


def _check_reply(call: Call, program: ProgramRecord) -> Finding:
    """A reply has no hash of its own, but it must contain the program."""
    wanted = {program.id, program.provenance.get("parent", program.id)}
    proposed = parse_reply(call, "paper" if program.format == "paper" else "vocabulary").programs
    for each in proposed:
        if parse(each.source, program.format, each.entry, "reply").program_id in wanted:
            return Finding("verified")
    return Finding("differs", f"the reply of call {call.key[:12]} does not contain {program.name}")


def _check_weights(folder: Path, recorded: str) -> Finding:
    if not folder.is_dir():
        return Finding("unverified", f"models/{folder.name} is not here; {FETCH}")
    found = weights_hash(folder)
    return Finding("verified") if found == recorded else Finding("differs", f"weights of {folder.name} hash to {found}")
