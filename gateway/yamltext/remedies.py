"""What to write instead, by the code of a problem, where who found it has nothing better to say."""

from gateway.texts import say, words

PREFIX = "remedy.for."
"""Before the code of a problem: the key of its usual remedy."""


def usual_remedy(code: str) -> str:
    """What usually mends a problem of this code, or ''."""
    key = f"{PREFIX}{code}"
    return say(key) if key in words("en") else ""
