"""A device's own numbers or texts -> what they mean: numbers, or names of the published state of that point."""

from gateway.profiles.draft import Draft
from gateway.profiles.kinds import Kind
from gateway.profiles.pointform import PointForm
from gateway.profiles.vocabulary import states_of
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest


def codes_of(draft: Draft, form: PointForm, name: str, *, kind: Kind, path: KeyPath) -> dict[int | str, float]:
    """Every code of the device with the number it stands for; what is wrong is in `draft.problems`."""
    found: dict[int | str, float] = {}
    states = states_of(name)
    for code, meaning in form.codes.items():
        where = (*path, "codes", code)
        if isinstance(code, str) is not (kind is Kind.TEXT):
            remedy = 'write it in quotes: "1"' if kind is Kind.TEXT else "write a whole number without quotes"
            draft.refuse(where, "wrong_type", f"{code!r} is not what a {kind} says", remedy=remedy)
        elif isinstance(meaning, str) and meaning not in states:
            near, known = nearest(meaning, states), ", ".join(states)
            remedy = f"write one of {known}" if states else "write a number; names are for published states"
            draft.refuse(where, "unknown_name", f"{meaning!r} is not a state of {name}", nearest=near, remedy=remedy)
        else:
            found[code] = float(states.index(meaning) if isinstance(meaning, str) else meaning)
    return found
