"""What every problem must be in each language: said in it, filled in, with the same numbers and names."""

import re
from collections import Counter
from collections.abc import Iterable

from gateway.errors import Problem
from gateway.texts import told

CHINESE = re.compile("[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
NAME = re.compile(r"'[^']+'|\w+[._/@]\w[\w./@]*")
"""A quoted value, a dotted or underscored name."""
PLACE = re.compile(r"\{\w*\}")


def in_both_languages(problems: Iterable[Problem]) -> None:
    """AssertionError naming the first text that Chinese lacks, or has with other numbers or names."""
    for problem in problems:
        for words in (problem.message, problem.remedy):
            chinese = told(words, "zh")
            assert words, problem.code
            assert told(words, "en") == words
            assert CHINESE.search(chinese), (problem.code, words, chinese)
            assert not PLACE.search(chinese), chinese
            assert Counter(NUMBER.findall(chinese)) == Counter(NUMBER.findall(words)), (words, chinese)
            lost = [name for name in NAME.findall(words) if name not in chinese]
            assert lost == [], (words, chinese)
