"""The pages' files: nothing from another host, nothing inline, both languages complete, small enough for a phone."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from gateway.dashboard.pages import PAGES, STATIC, TYPES
from tests.needs import program

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
OURS = [path for path in FILES if "vendor" not in path.parts and path.suffix in {".html", ".js", ".css"}]
SCRIPTS = [path for path in OURS if path.suffix == ".js"]
TEXTS = {name: json.loads((STATIC / "texts" / f"{name}.json").read_text("utf-8")) for name in ("en", "zh")}
NAMESPACE = "http://www.w3.org/2000/svg"
FIRST_VIEW_BYTES = 300 * 1000


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def reached_from(*names: str) -> set[str]:
    """Files the browser fetches for these: modules by import, stylesheets and scripts by index.html."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        text = (STATIC / name).read_text("utf-8")
        if name.endswith(".js"):
            near = (STATIC / name).parent
            todo += [name_of((near / to).resolve()) for to in re.findall(r'from "(\.[^"]+)"', text)]
        elif name.endswith(".html"):
            todo += re.findall(r'(?:href|src)="/static/([^"]+)"', text)
    return found


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix != ".txt"], ids=name_of)
def test_no_file_asks_another_host(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8").replace(NAMESPACE, ""), flags=re.DOTALL)
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}", text, re.IGNORECASE) == []


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_nothing_is_inline_that_the_content_policy_forbids(path):
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=|javascript:", text) == []
    elif path.suffix == ".js":
        forbidden = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\""
        )
        assert re.findall(forbidden, text) == []


def test_every_file_is_of_a_kind_the_server_knows():
    assert [name_of(path) for path in FILES if path.suffix not in TYPES] == []


def test_what_index_and_the_modules_name_is_there():
    for name in reached_from("index.html", *(name_of(path) for path in SCRIPTS)):
        assert (STATIC / name).is_file(), name


def test_both_languages_have_the_same_texts_with_the_same_places():
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    differing = [key for key, text in TEXTS["en"].items() if places(text) < places(TEXTS["zh"][key])]
    assert differing == []  # Chinese may say less, never ask for what it is not given
    assert [key for language in TEXTS.values() for key, text in language.items() if not text.strip()] == []


def test_no_text_shouts_or_begs():
    """The words of the interface: no exclamation marks, no please, no successfully."""
    said = [text for text in TEXTS["en"].values() if re.search(r"!|\b(please|successfully)\b", text, re.IGNORECASE)]
    assert said + [text for text in TEXTS["zh"].values() if "！" in text] == []


def test_every_key_a_module_names_has_a_text():
    asked: dict[str, str] = {}
    for path in SCRIPTS:
        for key in re.findall(r'\bt\("([a-z][a-z0-9_.]*)"', path.read_text("utf-8")):
            asked[key] = name_of(path)
    assert len(asked) > 150
    assert {key: where for key, where in asked.items() if key not in TEXTS["en"]} == {}


def test_every_page_has_a_name_and_a_module():
    assert [page for page in PAGES if f"nav.{page}" not in TEXTS["en"]] == []
    assert [page for page in PAGES if not (STATIC / "js" / "pages" / f"{page}.js").is_file()] == []


def test_the_first_view_is_small():
    first = reached_from("index.html", "js/pages/now.js", "js/pages/login.js") | {"texts/en.json", "texts/zh.json"}
    assert len(first) > 20
    assert sum((STATIC / name).stat().st_size for name in first) < FIRST_VIEW_BYTES
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in first) < FIRST_VIEW_BYTES / 3
    assert not any("vendor" in name for name in first)


def test_the_chart_library_comes_with_its_licence():
    folder = STATIC / "vendor" / "uplot"
    assert "MIT" in (folder / "LICENSE.txt").read_text("utf-8")
    assert "uPlot" in (folder / "uPlot.iife.min.js").read_text("utf-8")[:400]


def test_every_module_is_valid():
    node = program("node")
    lines = "".join(f'await import("vm").then(({{SourceTextModule: M}}) => new M(fs.readFileSync({json.dumps(str(path))}, "utf8")));\n'
                    for path in SCRIPTS if path.name != "theme.js")  # fmt: skip
    done = subprocess.run(
        [node, "--experimental-vm-modules", "--no-warnings", "--input-type=module"],
        input=f'import fs from "fs";\n{lines}',
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
