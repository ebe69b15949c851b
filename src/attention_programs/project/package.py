"""The installed package as a dependency of projects without code of their own."""

from importlib import metadata
from pathlib import Path

from attention_programs import __version__
from attention_programs.files import sha256_file, sha256_text, write_text

PACKAGE = Path(__file__).parents[1]
SHIPPED = PACKAGE / "shipped"
"""The contents of new project folders; in a checkout, links to the originals."""
VERSION_FILE = "attention_programs.version"
"""File that a project's stages depend on instead of the package's code."""
CODE = (".py", ".j2", ".css", ".js")


def has_code(root: Path) -> bool:
    """Whether a project is a checkout of this repository, whose stages run its own code."""
    return (root / "src" / "attention_programs").is_dir()


def record_package(root: Path) -> None:
    """Records the code and packages that a project runs on; in a checkout, git already does."""
    if has_code(root):
        return
    code = sorted(path for path in PACKAGE.rglob("*") if path.suffix in CODE and SHIPPED not in path.parents)
    hashes = [f"{path.relative_to(PACKAGE).as_posix()} {sha256_file(path)}" for path in code]
    write_text(root / VERSION_FILE, f"attention-programs {__version__}\ncode {sha256_text(' '.join(hashes))}\n")
    packages = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    write_text(root / "requirements.lock", "".join(f"{name}\n" for name in sorted(packages, key=str.lower)))
