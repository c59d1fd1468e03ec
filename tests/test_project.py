"""What must hold for every file of the project."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPED = {".git", ".venv", ".cache", "__pycache__", "dist", "build"}


def project_files() -> list[Path]:
    """Tracked files; in an unpacked archive, all of them."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)]


def test_no_file_refers_to_a_folder_outside_the_project():
    outside = ("../" + "shared").encode()
    assert [path for path in project_files() if outside in path.read_bytes()] == []


def test_every_module_opens_with_a_docstring():
    modules = [path for path in project_files() if path.suffix == ".py"]
    assert [path for path in modules if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []
