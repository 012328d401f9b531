"""docs/reference/configuration.md and the configuration's JSON schema against the code."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from jsonschema import Draft7Validator

from docs import configuration
from drydock import toml
from drydock.detect.project import missing
from drydock.errors import BadConfiguration
from drydock.project import schema
from drydock.project.configuration import KEYS, Configuration, table
from tests.conftest import ROOT, write_files

SCHEMA = json.loads(schema.text())
SHOP = """
import os
from fastapi import FastAPI

TOKEN = os.environ["TOKEN"]
app = FastAPI()


@app.get("/livez")
def livez() -> None: ...


@app.get("/readyz")
def readyz() -> None: ...
"""
BUDGET = {"on-disk-mb": 150}
REQUEST = {"method": "GET", "path": "/", "status": 200}
GOOD: list[dict[str, Any]] = [
    {},
    {"source": "backend", "port": 80, "factory": True, "python-also": ["3.12"]},
    {"image": "acme/shop_api", "compression": "zstd:15", "labels": {"a": "b"}},
    {"compression": "gzip"},
    {"budgets": {"slim": BUDGET, "production": {**BUDGET, "over-base": {"on-wire-mb": 0}}}},
    {"budgets": {"slim": {"on-disk-mb": 0.5, "on-wire-mb": 72, "over-main": {"on-disk-mb": 3}}}},
    {
        "smoke": [
            REQUEST,
            {**REQUEST, "body": {"a": [1]}, "save": {"id": "id"}, "authorised": False, "contains": "x"},
        ]
    },
    {"development": {"environment": {"A": "b"}, "token-command": ["python3"], "example-path": "/x"}},
    {"volumes": [], "logging": True, "extra-files": ["git"], "migrate": "shop.db:migrate"},
]
BAD: list[dict[str, Any]] = [
    {"entrypoint": "shop.main:app"},
    {"port": "80"},
    {"port": True},
    {"factory": 1},
    {"image": "Shop"},
    {"image": 1},
    {"compression": "zstd:20"},
    {"compression": "brotli"},
    {"python-also": "3.12"},
    {"labels": {"a": 1}},
    {"budgets": {"test": BUDGET}},
    {"budgets": {"slim": {}}},
    {"budgets": {"slim": {"on-disk-mb": 0}}},
    {"budgets": {"slim": {"on-disk-mb": "1"}}},
    {"budgets": {"slim": {**BUDGET, "over-main": {}}}},
    {"budgets": {"slim": {**BUDGET, "over-main": {"on-disk-mb": -1}}}},
    {"smoke": [{"method": "GET"}]},
    {"smoke": [{**REQUEST, "body": [1]}]},
    {"smoke": [{**REQUEST, "verb": "GET"}]},
    {"development": {"token-command": "python3"}},
]


def test_page_and_schema_are_those_of_the_code() -> None:
    made = configuration.schema()
    text = configuration.PAGE.read_text(encoding="utf-8")

    assert configuration.SCHEMA.read_text(encoding="utf-8") == configuration.dumps(made)
    assert configuration.page(text, made) == text


def test_every_key_is_described() -> None:
    parts = [SCHEMA, *SCHEMA["definitions"].values()]

    assert set(SCHEMA["properties"]) == set(KEYS)
    assert [key for part in parts for key, one in part["properties"].items() if not one["description"]] == []


@pytest.mark.parametrize("content", GOOD)
def test_schema_and_code_accept_the_same(content: dict[str, Any]) -> None:
    Draft7Validator(SCHEMA).validate(content)

    assert toml.make(Configuration, content, "here")


@pytest.mark.parametrize("content", BAD)
def test_schema_and_code_refuse_the_same(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "drydock.toml").write_text(tomlkit.dumps(content))

    assert not Draft7Validator(SCHEMA).is_valid(content)
    with pytest.raises(BadConfiguration):
        table(tmp_path)


def test_a_found_value_fills_each_key_that_the_page_says_is_found(tmp_path: Path) -> None:
    shop = write_files(
        tmp_path,
        {
            "requirements.txt": "fastapi==0.165.0\nuvicorn==0.54.0\n",
            "shop.py": SHOP,
            ".python-version": "3.13\n",
            "Procfile": "web: uvicorn shop:app --port 9000\n",
        },
    )
    said = {key for key, one in SCHEMA["properties"].items() if "x-found-by" in one}

    found = missing(shop, {}).keys() & SCHEMA["properties"].keys()
    assert found <= said
    assert {"source", "entry-point", "python", "port", "health-path", "ready-path"} <= found


def test_the_schema_for_pyproject_checks_this_repositorys_own() -> None:
    whole = json.loads(schema.pyproject())
    whole.pop("allOf")  # the JSON Schema Store's, which tests do not fetch
    Draft7Validator.check_schema(whole)
    manifest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    Draft7Validator(whole).validate(manifest)
    manifest["tool"]["drydock"]["budgets"]["slim"]["on-disc-mb"] = 3
    assert not Draft7Validator(whole).is_valid(manifest)
