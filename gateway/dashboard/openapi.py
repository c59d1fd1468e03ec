"""OpenAPI 3.1 of the API, made from the route table and the dataclasses of its answers."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from gateway import __version__
from gateway.dashboard import rights
from gateway.dashboard.jsontext import schema
from gateway.dashboard.route import Query, Route

REASONS = {
    400: "Malformed",
    401: "Not logged in, or not let in",
    403: "Not allowed, or not from our own page",
    404: "Not there",
    409: "Refused as things stand",
    413: "Too long",
    415: "Not JSON",
    421: "Not a name of this gateway",
    422: "A value that is not taken",
    429: "Too many tries",
    503: "Not ready",
}


def description(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole description."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway",
            "version": __version__,
            "description": "W, Wh, s and UTC ms; consumption is positive; null is unknown.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "gateway_session"},
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    fails = {400, 403, 421, *route.fails}
    parameters = [_parameter(query) for query in route.query]
    parameters += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _names(route.path)
    ]
    found: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": f"Role: {'any' if route.role is None else route.role.word} or above.",
        "parameters": parameters,
        "security": [] if route.role is None else [{"session": []}, {"token": []}],
    }
    if route.role is not None:
        fails.add(401)
    if route.method == "POST":
        fails |= {413, 415}
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _named(route.body, schemas, mode="validation")}},
        }
    good = {"schema": _named(route.answer, schemas)} if route.answer is not None else {"schema": {"type": "string"}}
    problem = {"application/json": {"schema": _named(rights.Problem, schemas)}}
    found["responses"] = {"200": {"description": "Done", "content": {route.media: good}}} | {
        str(status): {"description": REASONS[status], "content": problem} for status in sorted(fails)
    }
    return found


def _named(kind: Any, schemas: dict[str, Any], *, mode: str = "serialization") -> dict[str, Any]:
    body, inner = _schema(kind, mode)
    schemas.update(inner)
    schemas[kind.__name__] = body
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


@cache
def _schema(kind: Any, mode: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return schema(kind, mode=mode)


def _parameter(query: Query) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "string", "pattern": query.pattern}
    if query.kind is int:
        shape = {"type": "integer", "minimum": query.least, "maximum": query.most}
    if query.default is not None:
        shape["default"] = query.default
    return {
        "name": query.name,
        "in": "query",
        "required": query.required,
        "description": query.summary,
        "schema": shape,
    }


def _operation_id(route: Route) -> str:
    words = route.path.removeprefix("/api/v1").strip("/").replace("{", "").replace("}", "").replace(".", "/")
    return "_".join([route.method.lower(), *words.split("/")])


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
