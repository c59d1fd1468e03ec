"""Broken files with the expected problems written where they are: `unit: «unknown_unit»kw` -> text, (line, column, code)s."""

import re

_MARK = re.compile("«([a-z0-9_]+)»")


def marked(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The text without its marks, and what they say: the line and column (from 1) at which each stood."""
    expected = []
    while mark := _MARK.search(text):
        before = text[: mark.start()]
        expected.append((before.count("\n") + 1, len(before) - before.rfind("\n"), mark[1]))
        text = before + text[mark.end() :]
    return text, expected
