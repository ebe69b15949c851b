"""The description of a crate: RO-Crate 1.2 with the Workflow Run Crate profile and W3C PROV terms, as JSON-LD."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from attention_programs.crate.contents import CARD, RECORD, REGISTRY, VALIDATION, Contents
from attention_programs.provenance.record import Node
from attention_programs.tracking.lineage import DVC_LOCK, PARAMS_FILE, PIPELINE, REQUIREMENTS, SURROGATE_FILE

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
OF_THE_PROFILES = "https://w3id.org/ro/crate/1.1"
"""The version that today's profiles of workflow runs extend; the crate conforms to both."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
DESCRIPTIONS = {
    SURROGATE_FILE: "Which heads are replaced by which programs, for which weights, with losses to measure again",
    VALIDATION: "Perplexity, answers and the gate's verdict",
    REGISTRY: "The version's tags and description in the registry of models",
    RECORD: "What the surrogate was made from, with the hash of each thing",
    CARD: "Model card",
    DVC_LOCK: "Every stage as it ran: command, settings, and the hashes of what it read and wrote",
    PIPELINE: "The pipeline's stages",
    PARAMS_FILE: "The settings",
    REQUIREMENTS: "Versions of the Python packages",
}
FOLDERS = {
    "programs": "Source of a program",
    "prompts": "A prompt to a language model",
    "replies": "What it answered",
    "results": "Results",
}
WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
FORMATS = {
    "csv": "text/csv", "json": "application/json", "lock": "text/plain", "md": "text/markdown", "py": "text/x-python",
    "yaml": "application/yaml",
}  # fmt: skip

Entity = dict[str, Any]


def describe(contents: Contents, license_address: str) -> Entity:
    """The JSON-LD document of a crate.

    Args:
        contents: The crate's files.
        license_address: Address of the licence of the whole.
    """
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": _ref("./"),
            "conformsTo": [_ref(SPECIFICATION), _ref(OF_THE_PROFILES)],
        },
        _root(contents, license_address),
        *(_file(path, content) for path, content in contents.files.items()),
        *_folders(contents),
        *(
            {"@id": address, "@type": ["CreativeWork", "Profile"], "name": name, "version": version}
            for address, (name, version) in PROFILES.items()
        ),
        {"@id": WORKFLOW, "@type": ["CreativeWork", "Profile"], "name": "ComputationalWorkflow", "version": "1.0"},
        {"@id": license_address, "@type": "CreativeWork", "name": license_address.rsplit("/", 1)[-1]},
        *_workflow(contents),
        *_provenance(contents),
    ]
    return {"@context": f"{SPECIFICATION}/context", "@graph": graph}


def _ref(address: str) -> dict[str, str]:
    return {"@id": address}


def _root(contents: Contents, license_address: str) -> Entity:
    top = [path for path in contents.files if "/" not in path]
    folders = sorted({path.split("/")[0] + "/" for path in contents.files if "/" in path})
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{contents.name}, version {contents.version}",
        "description": contents.description,
        "datePublished": contents.day,
        "license": _ref(license_address),
        "conformsTo": [_ref(address) for address in PROFILES],
        "hasPart": [_ref(path) for path in (*top, *folders)],
        "mainEntity": _ref(PIPELINE),
        "mentions": _ref("#run"),
        "prov:wasDerivedFrom": _ref(_address(contents.record.nodes[contents.record.root])),
    }


def _file(path: str, content: bytes) -> Entity:
    folder = path.split("/", maxsplit=1)[0]
    entity: Entity = {
        "@id": path,
        "@type": "File",
        "name": path.rsplit("/", 1)[-1],
        "description": DESCRIPTIONS.get(path) or FOLDERS[folder],
        "contentSize": str(len(content)),
        "encodingFormat": FORMATS[path.rsplit(".", 1)[-1]],
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if path == PIPELINE:
        entity |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "Programs for attention heads, and a model with heads replaced",
            "programmingLanguage": _ref("#dvc"),
            "conformsTo": _ref(WORKFLOW),
            "input": _ref("#settings"),
            "output": _ref("#surrogate"),
        }
    if path == CARD:
        entity["about"] = _ref("./")
    if path in (PARAMS_FILE, SURROGATE_FILE):
        entity["exampleOfWork"] = _ref("#settings" if path == PARAMS_FILE else "#surrogate")
    return entity


def _folders(contents: Contents) -> Iterator[Entity]:
    for folder in sorted({path.split("/")[0] for path in contents.files if "/" in path}):
        inside = [path for path in contents.files if path.startswith(f"{folder}/")]
        yield {
            "@id": f"{folder}/",
            "@type": "Dataset",
            "name": folder,
            "description": FOLDERS[folder],
            "hasPart": [_ref(path) for path in inside],
        }


def _workflow(contents: Contents) -> Iterator[Entity]:
    yield {
        "@id": "#dvc",
        "@type": "ComputerLanguage",
        "name": "DVC pipeline",
        "url": "https://dvc.org",
        "version": _version("dvc", contents.files[REQUIREMENTS].decode()),
    }
    for key, name, example in (("#settings", "settings", PARAMS_FILE), ("#surrogate", "surrogate", SURROGATE_FILE)):
        yield {
            "@id": key,
            "@type": "FormalParameter",
            "additionalType": "File",
            "name": name,
            "workExample": _ref(example),
        }
    outputs = [path for path in contents.files if path.startswith("results/")]
    yield {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of profile {contents.profile}",
        "description": "All stages, by `dvc repro`, and publication in the registry of models",
        "endTime": contents.day,
        "instrument": _ref(PIPELINE),
        "object": [_ref(path) for path in (PARAMS_FILE, REQUIREMENTS)],
        "result": [_ref(path) for path in (SURROGATE_FILE, *outputs)],
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _version(package: str, lock_file: str) -> str:
    found = re.search(rf"^{package}==(.+)$", lock_file, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _provenance(contents: Contents) -> Iterator[Entity]:
    """Every thing in the surrogate's record: stages as activities, all else as entities that they used or generated."""
    nodes = contents.record.nodes
    for node in contents.record.from_sources():
        sources = [nodes[key] for key in node.sources]
        stages = [_ref(_address(source)) for source in sources if source.kind == "stage"]
        others = [_ref(_address(source)) for source in sources if source.kind != "stage"]
        activity = node.kind == "stage"
        entity: Entity = {
            "@id": _address(node),
            "@type": ["Thing", "prov:Activity" if activity else "prov:Entity"],
            "name": f"{node.kind} {node.name}",
        }
        entity |= {"description": node.details} if node.details else {}
        entity |= {"identifier": node.hash} if node.hash else {}
        entity |= {"prov:used" if activity else "prov:wasDerivedFrom": _one_or_all(others)} if others else {}
        entity |= {"prov:wasGeneratedBy": _one_or_all(stages)} if stages else {}
        yield entity


def _one_or_all(references: list[dict[str, str]]) -> Any:
    """JSON-LD's short form of a list of one."""
    return references[0] if len(references) == 1 else references


def _address(node: Node) -> str:
    return "#" + re.sub(r"[^A-Za-z0-9_.-]+", "-", node.key)
