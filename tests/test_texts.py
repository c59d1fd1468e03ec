"""Texts for people: two languages with the same keys and the same places to fill in."""

import ast
import json
import re
from copy import deepcopy
from pathlib import Path
from string import Formatter

import pytest

from gateway.texts import LANGUAGES, language, listed, say, text, told, words
from gateway.texts.packed import packed, unpacked

ROOT = Path(__file__).parents[1]


def places(of: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(of) if name is not None}


def test_both_languages_have_the_same_keys():
    assert set(words("en")) == set(words("zh"))


def test_both_languages_fill_in_the_same_values():
    assert {key: places(value) for key, value in words("en").items()} == {
        key: places(value) for key, value in words("zh").items()
    }


def test_every_key_in_the_code_has_a_text():
    used = {
        str(call.args[0].value)
        for folder in ("gateway", "emulators")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("text", "say", "english")
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert used - set(words("en")) == set()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"GATEWAY_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ({"GATEWAY_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_wanted_one_else_the_locale(environ, expected):
    assert language(environ) == expected


def test_a_text_is_filled_in_in_the_language_of_the_environment(monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "zh")
    assert text("score.below", score="0.70", wanted="0.75") == words("zh")["score.below"].format(
        score="0.70", wanted="0.75"
    )


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        text("no.such.key")


def test_what_was_said_is_english_to_programs_and_can_be_told_in_another_language(monkeypatch):
    said = say("problem.bound", shown="300", bound=say("word.le", bound=255.0))
    assert json.dumps(said) == '"300 must be at most 255"'
    assert (told(said, "zh"), told(said, "en")) == ("300 应不大于 255", said)
    monkeypatch.setenv("GATEWAY_LANG", "zh")
    assert (told(said), str(said)) == ("300 应不大于 255", "300 must be at most 255")


def test_a_copy_of_what_was_said_can_still_be_told():
    said = say("problem.no_point", point="power.active")
    assert told(deepcopy(said), "zh") == told(said, "zh") == "没有点 power.active"


def test_several_things_said_stand_together_in_each_language():
    said = listed([say("word.control", name="a.b"), "c.d", "e.f"])
    assert [told(said, of) for of in LANGUAGES] == ["control a.b, c.d, e.f", "控制量 a.b、c.d、e.f"]


def test_words_without_a_key_stay_as_they_are():
    assert told("Chiller 2", "zh") == "Chiller 2"


def test_a_text_that_does_not_exist_cannot_be_said():
    with pytest.raises(KeyError):
        say("no.such.key")


def test_what_was_said_crosses_to_another_process_and_can_still_be_told():
    outcome = {"reason": say("refused.until_start", why=say("word.errno.ENOSPC")), "problems": ["plain", None, 1.5]}
    there = unpacked(json.loads(json.dumps(packed(outcome))))
    assert there == outcome
    assert told(there["reason"], "zh") == "只到下次启动为止：磁盘空间不足"


@pytest.mark.parametrize("values", [{}, {"within": "x"}])
def test_what_another_version_said_stays_english_where_it_is_not_known_here(values):
    for key in ("no.such.key", "refused.too_late"):
        assert unpacked({"said": key, "values": values, "english": "as it was"}) == "as it was"


REFUSING = {
    "refuse",
    "_refuse",
    "refuse_key",
    "problem",
    "key_problem",
    "Problem",
    "AssetProblem",
    "refused",
    "_refusal",
}
REFUSING |= {"ProfileError", "Unsafe", "Unasked", "BusDown", "BusTimeout", "BusRefused", "Outcome", "StoreError"}
SPOKEN = ("gateway/config", "gateway/profiles", "gateway/yamltext", "gateway/commission", "gateway/cli")
SPOKEN += (
    "gateway/oneshot.py",
    "gateway/reload.py",
    "gateway/applied.py",
    "gateway/localsocket.py",
    "emulators/scenario.py",
)


def sentences(call: ast.Call) -> list[str]:
    """What a call is given that is written out as English words."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    plain = [one for one in given if isinstance(one, ast.JoinedStr | ast.Constant)]
    texts = [
        "".join(str(part.value) for part in getattr(one, "values", [one]) if isinstance(part, ast.Constant))
        for one in plain
    ]
    return [text for text in texts if re.search("[a-z]+ [a-z]+", text)]


def test_nobody_a_technician_meets_refuses_in_english_alone():
    files = [
        path
        for name in SPOKEN
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ]
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {text}"
        for path in files
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        if (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) in REFUSING
        for text in sentences(call)
    ]
    assert found == []


def test_no_alarm_has_a_detail_in_english_alone():
    """Neither given as words where it is raised, nor put into a variable of that name before."""
    found = []
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "detail"]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "detail":
                given = [node.value]
            words = sentences(ast.Call(ast.Name("detail"), given, []))
            found += [f"{path.relative_to(ROOT)}:{one.lineno}: {said}" for one in given for said in words]
    assert found == []


def test_no_command_prints_an_error_or_a_problem_without_telling_it():
    bare = [
        f"{path.name}:{call.lineno}"
        for path in (ROOT / "gateway/cli").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("print", "typer.echo", "console.print")
        if call.args and ast.unparse(call.args[0]) in ("exc", "problem", "error", "str(exc)", "str(problem)")
    ]
    assert bare == []
