"""Every text of the page stands in it twice, English and Chinese; the page's language says which is shown."""

from html import escape

from gateway.texts import LANGUAGES, words

TAGS = {"en": "en", "zh": "zh-CN"}


def said(key: str, of: str, **values: object) -> str:
    """A text in one language, as HTML."""
    filled = {name: value[of] if isinstance(value, dict) else value for name, value in values.items()}
    return escape(words(of)[key].format(**filled))


def both(key: str, **values: object) -> str:
    """A text in both languages; a value may be a dict by language."""
    return "".join(f'<span lang="{TAGS[of]}">{said(key, of, **values)}</span>' for of in LANGUAGES)


def known(prefix: str, code: str) -> str:
    """The words for a code such as a reason, and what it names after a colon; the code itself where there are none."""
    head, _, rest = code.partition(":")
    if f"{prefix}.{head}" not in words("en"):
        return f"<code>{escape(code)}</code>"
    return both(f"{prefix}.{head}") + (f" <code>{escape(rest)}</code>" if rest else "")
