"""What the YAML parser (libyaml) says of a broken file -> texts of ours, for what people commonly get wrong."""

from gateway.texts import say

_KEYS = {
    "did not find expected ',' or ']'": "problem.syntax.list_open",
    "did not find expected ',' or '}'": "problem.syntax.mapping_open",
    "did not find expected '-' indicator": "problem.syntax.no_dash",
    "did not find expected key": "problem.syntax.no_key",
    "did not find expected node content": "problem.syntax.no_value",
    "did not find expected <document start>": "problem.syntax.more_text",
    "mapping values are not allowed in this context": "problem.syntax.colon",
    "mapping keys are not allowed in this context": "problem.syntax.question_mark",
    "block sequence entries are not allowed in this context": "problem.syntax.dash",
    "could not find expected ':'": "problem.syntax.no_colon",
    "found unexpected ':'": "problem.syntax.stray_colon",
    "found unexpected end of stream": "problem.syntax.end",
    "found unexpected document indicator": "problem.syntax.document_mark",
    "found character that cannot start any token": "problem.syntax.character",
    "found a tab character that violates indentation": "problem.syntax.tab",
    "found a tab character where an indentation space is expected": "problem.syntax.tab_for_space",
    "found unknown escape character": "problem.syntax.escape",
    "did not find expected hexdecimal number": "problem.syntax.escape_digits",
    "did not find expected comment or line break": "problem.syntax.no_line_break",
    "did not find expected whitespace or line break": "problem.syntax.no_space",
}


def syntax(said: str | None) -> str:
    """The parser's words as a text; rare ones stay English in every language."""
    if said is None:
        return say("problem.not_yaml")
    return say(_KEYS[said]) if said in _KEYS else say("problem.syntax", said=said)
