"""What the pages say exists: files, functions, examples, commands."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gateway.cli.commands import COMMANDS
from gateway.config import check_site
from gateway.profiles.load import load_profile_file
from gateway.profiles.vocabulary import NAMES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CALL = re.compile(r"`(?:[A-Za-z]\w*\.)?([a-z_]\w*)\(\)`")
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
EVERY = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@cache
def functions() -> set[str]:
    files = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "emulators").rglob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}


@EVERY
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@EVERY
def test_every_function_named_exists(page: Path) -> None:
    assert set(CALL.findall(page.read_text(encoding="utf-8"))) - functions() == set()


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/site-file.md"])
def test_the_site_file_of_a_page_has_no_fault(name: str, tmp_path: Path) -> None:
    found = YAML.search((ROOT / name).read_text(encoding="utf-8"))
    assert found is not None
    file = tmp_path / "site.yaml"
    file.write_text(found[1], encoding="utf-8")
    assert check_site(file)[1] == []


def test_the_profile_of_the_page_has_no_fault(tmp_path: Path) -> None:
    found = YAML.search((ROOT / "docs/profiles.md").read_text(encoding="utf-8"))
    assert found is not None
    file = tmp_path / "battery" / "demo_b1.yaml"
    file.parent.mkdir()
    file.write_text(found[1], encoding="utf-8")
    assert load_profile_file(file).controls


def test_the_page_of_point_names_has_every_published_name_with_its_unit() -> None:
    page = (ROOT / "docs/point-names.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| (\S+) \|$", page, re.MULTILINE)
    told = {name: unit for names, unit in rows for name in re.findall(r"`([^`]+)`", names)}
    assert told == {name: unit.value or "–" for name, unit in NAMES.items()}


def test_every_command_has_its_chapter() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## gateway {name}" not in page] == []


def test_the_picture_is_small_and_needs_nothing_else() -> None:
    picture = (ROOT / "docs/pictures/demo.svg").read_text(encoding="utf-8")
    assert len(picture) < 150_000
    assert not re.search(r"href=|url\(|<script|<image", picture)


def test_both_readmes_have_the_same_shape() -> None:
    shapes = []
    for name in ("README.md", "README.zh-CN.md"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        shapes.append([found[0] for line in lines if (found := re.match(r"#+ |- \*\*|- |!\[|```\w*|\|", line))])
    assert shapes[0] == shapes[1]
