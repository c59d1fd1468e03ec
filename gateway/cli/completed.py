"""Files a person goes on with in an editor: written with their JSON Schema beside them, so that the keys are completed."""

import json
import os
from pathlib import Path

from gateway.config import schema_of


def write_completed(file: Path, text: str, *, kind: str, folder: Path | None = None) -> None:
    """Write a site file or profile (`kind`), headed by the line editors look for; OSError.

    `folder`: where the schema lies, else beside the file; an older one is replaced.
    """
    schema = (folder or file.parent) / f"{kind}.schema.json"
    known = json.dumps(schema_of(kind), ensure_ascii=False, indent=2) + "\n"
    if not schema.exists() or schema.read_text(encoding="utf-8") != known:
        schema.write_text(known, encoding="utf-8")
    way = Path(os.path.relpath(schema, file.parent)).as_posix()
    place = way if way.startswith("../") else f"./{way}"
    file.write_text(f"# yaml-language-server: $schema={place}\n{text}", encoding="utf-8")
