"""Texts for people in their language; code holds keys, `en.yaml` and `zh.yaml` hold the words."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

LANGUAGES = ("en", "zh")


def language(environ: Mapping[str, str]) -> str:
    """GATEWAY_LANG, else the locale, else English."""
    for name in ("GATEWAY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if wanted := environ.get(name, ""):
            return next((known for known in LANGUAGES if wanted.lower().startswith(known)), "en")
    return "en"


@cache
def words(of: str) -> Mapping[str, str]:
    """Every text of a language by key."""
    tree = yaml.safe_load((files(__name__) / f"{of}.yaml").read_text(encoding="utf-8"))
    return {str(key): str(value) for key, value in tree.items()}


def text(key: str, **values: object) -> str:
    """The text of `key` with `{names}` filled in; KeyError when there is none or a value is missing."""
    return words(language(os.environ))[key].format(**values)


def english(key: str, **values: object) -> str:
    """The same in English, whatever the language: for logs and records."""
    return words("en")[key].format(**values)
