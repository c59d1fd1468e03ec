"""JSON Schemas of the files, for editors: `# yaml-language-server: $schema=…`."""

from typing import Any

from gateway.config.form import SiteForm
from gateway.profiles.form import ProfileForm
from gateway.yamltext.form import Form

_FORMS: dict[str, type[Form]] = {"site": SiteForm, "profile": ProfileForm}


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a `site` or `profile` file; KeyError for another kind."""
    schema = _FORMS[kind].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
