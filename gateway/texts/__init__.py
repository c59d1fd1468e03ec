"""Texts for people in their language; code holds keys, `en.yaml` and `zh.yaml` hold the words.

What is shown at once is a `text`. What is only noted where it happens (a mistake in a file, a refusal) and shown
elsewhere is said with `say`: it is English to every program, log and record that meets it, and knows its key and values,
so that the command which shows it to a person can tell it in that person's language (`told`).
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib.resources import files
from typing import Self

import yaml

LANGUAGES = ("en", "zh")


class Said(str):
    """An English text that knows its key and values; a value may be such a text itself."""

    __slots__ = ("key", "values")

    key: str
    values: Mapping[str, object]

    def __new__(cls, key: str, values: Mapping[str, object]) -> Self:
        """KeyError when there is no such text or a value is missing."""
        said = super().__new__(cls, english(key, **values))
        said.key, said.values = key, values
        return said

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]  # a str has one
        """What a copy is made of."""
        return self.key, self.values


def language(environ: Mapping[str, str]) -> str:
    """GATEWAY_LANG, else the locale, else English."""
    for name in ("GATEWAY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if wanted := environ.get(name, ""):
            return next((known for known in LANGUAGES if wanted.lower().startswith(known)), "en")
    return "en"


@cache
def words(of: str) -> Mapping[str, str]:
    """Every text of a language by key."""
    file = (files(__name__) / f"{of}.yaml").read_text(encoding="utf-8")
    # keys and texts in turn, and nothing else: a third of the time of building the tree
    found = [one.value for one in yaml.parse(file, Loader=yaml.CBaseLoader) if isinstance(one, yaml.ScalarEvent)]
    return dict(zip(found[::2], found[1::2], strict=True))


def text(key: str, /, **values: object) -> str:
    """The text of `key` with `{names}` filled in; KeyError when there is none or a value is missing."""
    of = language(os.environ)
    return words(of)[key].format(**_told(values, of))


def english(key: str, /, **values: object) -> str:
    """The same in English, whatever the language: for logs and records."""
    return words("en")[key].format(**values)


def say(key: str, /, **values: object) -> Said:
    """The same as an English text that can be told in another language later."""
    return Said(key, values)


def listed(parts: Iterable[str], between: str = "word.comma") -> str:
    """Several texts as one: `a, b`; `between` is the key of how two of them stand together."""
    return reduce(lambda one, other: say(between, one=one, other=other), parts)


def told(said: str, of: str = "") -> str:
    """What was said in the language `of`, else of the environment; words that have no key stay as they are."""
    if not isinstance(said, Said):
        return said
    of = of or language(os.environ)
    return words(of)[said.key].format(**_told(said.values, of))


def _told(values: Mapping[str, object], of: str) -> dict[str, object]:
    """The values of a text, those that were said themselves in its language."""
    return {name: told(value, of) if isinstance(value, str) else value for name, value in values.items()}
