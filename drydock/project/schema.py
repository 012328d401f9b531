"""The JSON schema of the configuration, for editors; `python -m docs.configuration` makes it."""

import json
from importlib.resources import files

# Covers every table of pyproject.toml but drydock's.
STORE = "https://json.schemastore.org/pyproject.json"


def text() -> str:
    """Return the schema of a drydock.toml."""
    return files("drydock.project").joinpath("schema.json").read_text(encoding="utf-8").rstrip()


def pyproject() -> str:
    """Return the schema of a pyproject.toml with drydock's table."""
    own = json.loads(text())
    kept = {key: own.pop(key) for key in ("$schema", "definitions")}
    tool = {"type": "object", "properties": {"drydock": own}}
    return json.dumps({**kept, "allOf": [{"$ref": STORE}], "properties": {"tool": tool}}, indent=2)
