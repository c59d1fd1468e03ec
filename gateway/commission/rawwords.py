"""Words as a technician types them -> numbers of 16 bits: `0x04F7 63744`, `04F7 F900`, `04 F7 F9 00`, `-200`. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ProfileError
from gateway.texts import say

MOST_WORDS = 125
_HEX = re.compile(r"[0-9a-f]+")
_MARKED = re.compile(r"(?:0x|\$)([0-9a-f]+)|([0-9a-f]+)h")
_DECIMAL = re.compile(r"[+-]?\d+")


@dataclass(frozen=True, slots=True)
class Taken:
    """The words, and how they were read: `hex`, `decimal`, `mixed` or `bytes`."""

    words: tuple[int, ...]
    manner: str


def parse_words(tokens: Sequence[str]) -> Taken:
    """Words from tokens, each of which may hold several, parted by blanks or commas; ProfileError for what is none.

    A token marked as hexadecimal is that. Without marks they are all hexadecimal when one of them can be nothing else
    (a letter, or four digits with a leading zero), bytes when all have two such digits, and decimal otherwise.
    """
    parts = [part.lower() for token in tokens for part in re.split(r"[\s,;]+", token) if part]
    plain = [part for part in parts if not _MARKED.fullmatch(part)]
    if not parts:
        raise ProfileError(say("refused.no_words"))
    if plain and all(_HEX.fullmatch(part) for part in plain) and any(map(_only_hex, plain)):
        words, manner = _hexadecimal(parts)
    else:
        words = tuple(_number(part) for part in parts)
        manner = "decimal" if len(plain) == len(parts) else "mixed" if plain else "hex"
    if len(words) > MOST_WORDS:
        raise ProfileError(say("refused.many_words", count=len(words), most=MOST_WORDS))
    return Taken(words, manner)


def _only_hex(part: str) -> bool:
    return not part.isdecimal() or (len(part) in (2, 4) and part.startswith("0"))


def _hexadecimal(parts: Sequence[str]) -> tuple[tuple[int, ...], str]:
    digits = [_digits(part) for part in parts]
    if all(len(one) == 2 for one in digits):
        if len(digits) % 2:
            raise ProfileError(say("refused.odd_bytes", count=len(digits)))
        return tuple(int(high + low, 16) for high, low in zip(digits[::2], digits[1::2], strict=True)), "bytes"
    if len(digits) == 1 and len(digits[0]) > 4 and len(digits[0]) % 4 == 0:  # a dump without blanks
        whole = digits[0]
        return tuple(int(whole[at : at + 4], 16) for at in range(0, len(whole), 4)), "hex"
    return tuple(_word(int(one, 16), one) for one in digits), "hex"


def _digits(part: str) -> str:
    marked = _MARKED.fullmatch(part)
    return (marked[1] or marked[2]) if marked else part


def _number(part: str) -> int:
    if marked := _MARKED.fullmatch(part):
        return _word(int(marked[1] or marked[2], 16), part)
    if not _DECIMAL.fullmatch(part):
        raise ProfileError(say("refused.no_word", given=part))
    return _word(int(part), part)


def _word(number: int, shown: str) -> int:
    if not -0x8000 <= number <= 0xFFFF:
        raise ProfileError(say("refused.beyond_16", given=shown))
    return number & 0xFFFF
