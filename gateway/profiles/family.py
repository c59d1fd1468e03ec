"""A profile laid over the one it extends: mappings key by key, points by name wherever they stand, lists as a whole."""

from typing import Any

from gateway.errors import ConfigError
from gateway.texts import say
from gateway.yamltext import Document, KeyPath, Place

_WHOLE = frozenset({"enum", "codes", "scale", "pick", "sign_from", "valid_when"})
"""Keys of a point that are taken as a whole: half of another device's names would be neither's."""
_OWN = ("identify", "variants")
"""What a profile says of itself only: who extends it is known by other traits and has other relatives."""
_Parts = tuple[Any, dict[KeyPath, Place], dict[KeyPath, Place]]


def laid_over(child: Document, parent: Document) -> Document:
    """The parent with what the child says instead; every part keeps the place (and file) where it was written."""
    values, keys = dict(parent.values), dict(parent.keys)
    data: Any = parent.data
    own = {key: value for key, value in child.data.items() if key not in ("points", "without")}
    if isinstance(data, dict):
        data = _merged(data, own, at=(), source=child, parts=(data, values, keys), source_at=())
        unknown = [at for at, name in enumerate(_listed(child.data.get("without"))) if not _drop(data, name)]
        if unknown:
            message = say("problem.no_such_point")
            raise ConfigError([child.problem(("without", at), "unknown_point", message) for at in unknown])
        points = child.data.get("points", {})
        for places, own_places in ((values, child.values), (keys, child.keys)):  # where the parent has none of its own
            if ("points",) in own_places:
                places.setdefault(("points",), own_places["points",])
        for name, point in points.items() if isinstance(points, dict) else ():
            where = _where(data, name)
            holder = _down(data, where[:-1])
            holder[name] = _merged(
                holder.get(name), point, at=where, source=child, parts=(data, values, keys), source_at=("points", name)
            )
    values[()] = child.values[()]
    return Document(child.file, data, values, keys)


def without(document: Document, keys: tuple[str, ...]) -> Document:
    """The document without some of its top-level keys."""
    if not isinstance(document.data, dict):
        return document
    data = {key: value for key, value in document.data.items() if key not in keys}
    return Document(document.file, data, document.values, document.keys)


def inherited(document: Document) -> Document:
    """What a profile leaves to those that extend it: not how it is recognised, its relatives, why it is no asset."""
    kept = without(document, _OWN)
    if not isinstance(kept.data, dict) or not isinstance(kept.data.get("profile"), dict):
        return kept
    head = {key: value for key, value in kept.data["profile"].items() if key != "no_asset"}
    return Document(kept.file, {**kept.data, "profile": head}, kept.values, kept.keys)


def part(document: Document, path: KeyPath, *, leave: tuple[str, ...] = ()) -> Document:
    """A mapping inside a document as a document of its own, without some of its keys."""
    data = {key: value for key, value in _down(document.data, path).items() if key not in leave}
    size = len(path)
    values = {at[size:]: place for at, place in document.values.items() if at[:size] == path}
    keys = {at[size:]: place for at, place in document.keys.items() if at[:size] == path and len(at) > size}
    return Document(document.file, data, values, keys)


def _merged(below: Any, above: Any, *, at: KeyPath, source: Document, parts: _Parts, source_at: KeyPath) -> Any:
    _, values, keys = parts
    values[at] = source.values[source_at]
    if source_at in source.keys:
        keys[at] = source.keys[source_at]
    if isinstance(above, list):
        for number, item in enumerate(above):
            _merged(None, item, at=(*at, number), source=source, parts=parts, source_at=(*source_at, number))
        return above
    if not isinstance(above, dict):
        return above
    result = dict(below) if isinstance(below, dict) else {}
    for key, value in above.items():
        below_it = None if key in _WHOLE else result.get(key)
        result[key] = _merged(below_it, value, at=(*at, key), source=source, parts=parts, source_at=(*source_at, key))
    return result


def _where(data: dict[Any, Any], name: str) -> KeyPath:
    """Where the parent keeps this point; a new one goes to the top-level `points`."""
    for number, block in enumerate(_listed(data.get("blocks"))):
        if isinstance(block, dict) and name in (block.get("points") or {}):
            return ("blocks", number, "points", name)
    data.setdefault("points", {})
    return ("points", name)


def _down(data: Any, path: KeyPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _drop(data: dict[Any, Any], name: object) -> bool:
    """Leave out a point, and the control of that name; False when there is none of either."""
    there = False
    for holder in (data, *_listed(data.get("blocks"))):
        for part_of in ("points", "controls"):
            names = holder.get(part_of) if isinstance(holder, dict) else None
            if isinstance(names, dict) and isinstance(name, str) and name in names:
                holder[part_of] = {key: value for key, value in names.items() if key != name}
                there = True
    return there


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
