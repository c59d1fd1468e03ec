"""`--help` and what a command line cannot be, in the reader's language."""

import re
import sys

import pytest

from gateway.cli import commands
from gateway.cli.helpsheet import columns, wrapped

CHINESE = re.compile("[\u4e00-\u9fff]")
GROUPS = {"profile": ("import", "test"), "user": ("link", "add", "remove", "list"), "audit": ("verify",)}
PATHS = [*((name,) for name in commands.COMMANDS), *((name, one) for name, inner in GROUPS.items() for one in inner)]
NAMED = re.compile(r"  \S")


def said(monkeypatch, capsys, *arguments: str, of: str, code: int = 0) -> str:
    """What the command line says to these arguments."""
    monkeypatch.setenv("GATEWAY_LANG", of)
    monkeypatch.setattr(sys, "argv", ["gateway", *arguments])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == code
    told = capsys.readouterr()
    return told.out + told.err


def rows(page: str) -> list[str]:
    """The arguments, options and commands of a page, each with what it is."""
    found: list[str] = []
    for line in page.splitlines():
        if NAMED.match(line):
            found.append(line)
        elif line.startswith("   ") and found:
            found[-1] += line
    return found


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_help_of_every_command_is_chinese_to_who_reads_chinese(monkeypatch, capsys, path):
    page = said(monkeypatch, capsys, *path, "--help", of="zh")
    assert page.startswith(f"用法：gateway {' '.join(path)} ")
    assert [row for row in rows(page) if not CHINESE.search(row)] == []
    paragraphs = [part for part in page.split("\n\n")[1:] if not NAMED.search(part)]
    assert [part for part in paragraphs if not CHINESE.search(part)] == []
    assert max(columns(line) for line in page.splitlines()) <= 100


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_help_of_every_command_is_english_to_everybody_else(monkeypatch, capsys, path):
    page = said(monkeypatch, capsys, *path, "--help", of="en")
    assert page.startswith(f"usage: gateway {' '.join(path)} ")
    assert not CHINESE.search(page)
    names = {re.split(r"\s", row.strip())[0] for row in rows(page)}
    assert names == {
        re.split(r"\s", row.strip())[0] for row in rows(said(monkeypatch, capsys, *path, "--help", of="zh"))
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("commission", "--nothing"), ("没有选项", "--nothing")),
        (("commission", "--quik"), ("没有选项", "--quik", "请写 --quick")),
        (("read",), ("缺少", "SITE.yaml")),
        (("commission", "x", "--hold", "a"), ("--hold", "不是数")),
        (("commission", "x", "--hold", "0"), ("--hold", "应不小于 1")),
        (("score", "x", "--method", "y"), ("--method", "'pjm'", "之中")),
        (("score", "x"), ("缺少", "--method")),
        (("user", "nobody"), ("没有命令", "nobody")),
        (("demo", "--seed"), ("--seed", "需要一个值")),
        (("score", "x", "y", "--method", "pjm"), ("多余的参数", "y")),
        (("report", "--from", "x"), ("--from", "不是时间")),
        (("emulate", "demo_tower", "--load-start", "x"), ("'x'", "不是时长")),
        (("run",), ("缺少", "SITE.yaml")),
        (("run", "x", "--nothing"), ("没有选项", "--nothing")),
        (("run", "x", "--port", "y"), ("--port", "不是整数")),
        (("run", "x", "--loop", "mine"), ("--loop", "'uvloop'", "之中")),
        (("run", "x", "--port"), ("--port", "需要一个值")),
    ],
    ids=" ".join,
)
def test_what_a_command_cannot_take_is_told_in_chinese_and_ends_with_2(monkeypatch, capsys, arguments, words):
    told = said(monkeypatch, capsys, *arguments, of="zh", code=2)
    assert [word for word in words if word not in told] == [], told
    assert " --help`" in told


@pytest.mark.parametrize("width", [20, 41, 80])
def test_lines_are_broken_by_the_columns_they_take_and_nothing_is_lost(width):
    words = "把建议的站点文件写到这里；也接受 opc.tcp://server:4840/，可重复。A line of plain words, and more of them."
    lines = list(wrapped(words, width))
    assert max(columns(line) for line in lines) <= max(width, columns("opc.tcp://server:4840/，"))
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert not any(line[0] in "，。；：、）" for line in lines)
