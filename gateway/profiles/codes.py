"""A device's own numbers or texts -> what they mean: numbers, or names of the published state of that point."""

from gateway.profiles.draft import Draft
from gateway.profiles.kinds import Kind
from gateway.profiles.pointform import PointForm
from gateway.profiles.vocabulary import states_of
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest


def codes_of(draft: Draft, form: PointForm, name: str, *, kind: Kind, path: KeyPath) -> dict[int | str, float]:
    """Every code of the device with the number it stands for; what is wrong is in `draft.problems`."""
    found: dict[int | str, float] = {}
    states = states_of(name)
    for code, meaning in form.codes.items():
        where = (*path, "codes", code)
        if isinstance(code, str) is not (kind is Kind.TEXT):
            remedy = say("remedy.quoted_code") if kind is Kind.TEXT else say("remedy.whole_unquoted")
            draft.refuse(where, "wrong_type", say("problem.code_of_kind", code=code, kind=kind), remedy=remedy)
        elif isinstance(meaning, str) and meaning not in states:
            near, known = nearest(meaning, states), ", ".join(states)
            remedy = say("remedy.one_of", expected=known) if states else say("remedy.number_not_name")
            draft.refuse(
                where, "unknown_name", say("problem.no_state", meaning=meaning, point=name), nearest=near, remedy=remedy
            )
        else:
            found[code] = float(states.index(meaning) if isinstance(meaning, str) else meaning)
    return found
