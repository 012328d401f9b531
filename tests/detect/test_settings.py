"""Required and optional settings, as the libraries that read them decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detect.test_kinds import APP, found

PYDANTIC = (
    "import os\nfrom typing import Annotated\nfrom pydantic import AliasChoices, Field\n"
    "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
)
# A source text, and each setting with `!` for a required one.
READ = {
    "an alias in Annotated": (
        'class S(BaseSettings):\n    a: Annotated[str, Field(validation_alias="ONE")]\n'
        '    b: Annotated[str, Field(alias="TWO")] = "x"\ns = S()\n',
        {"ONE!", "TWO"},
    ),
    "a private attribute": ("class S(BaseSettings):\n    _a: str\n    b: str\ns = S()\n", {"B!"}),
    "a prefix among the class's keywords": (
        'class S(BaseSettings, env_prefix="APP_"):\n    a: str\ns = S()\n',
        {"APP_A!"},
    ),
    "a prefix of a base class": (
        'class B(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix="B_")\nclass S(B):\n'
        '    model_config = SettingsConfigDict(extra="ignore")\n    a: str\ns = S()\n',
        {"B_A!"},
    ),
    "exact names": (
        'class S(BaseSettings):\n    model_config = {"case_sensitive": True, "env_prefix": "app_"}\n'
        "    a: str\ns = S()\n",
        {"app_a!"},
    ),
    "a value that the program gives": (
        'class S(BaseSettings):\n    a: str\n    b: str\ns = S(a="x")\n',
        {"A", "B!"},
    ),
    "values where the environment lacks them": (
        "class S(BaseSettings):\n    a: str\ntry:\n    s = S()\nexcept ValueError:\n    s = S(a='x')\n",
        {"A"},
    ),
    "values of one object of two": (
        "class S(BaseSettings):\n    a: str\ns = S()\nother = S(a='x')\n",
        {"A!"},
    ),
    "a conversion": ('A = int(os.getenv("A"))\nB = int(os.getenv("B") or 5)\n', {"A!", "B"}),
    "a method": ('A = os.getenv("A").split(",")\n', {"A!"}),
    "a check": (
        'A = os.getenv("A")\nB = os.getenv("B")\nC = os.getenv("C")\nif A is None or not B:\n'
        "    raise ValueError\n"
        'assert C\nif not os.getenv("D"):\n    raise ValueError\n',
        {"A!", "B!", "C!", "D!"},
    ),
    "a check that something else decides": (
        'A = os.getenv("A")\nB = os.getenv("B")\nif A == "live" and not B:\n    raise ValueError\n'
        'if A == "bad":\n    raise ValueError\n',
        {"A", "B"},
    ),
    "a condition": ('A = os.environ["A"] if "A" in os.environ else None\n', {"A"}),
    "setdefault": ('os.environ.setdefault("A", "x")\n', {"A"}),
    "environs": (
        'from environs import Env\nenv = Env()\nwith env.prefixed("PRE_"):\n'
        '    A = env.str("A")\nB = env("B")\n',
        {"PRE_A!", "B!"},
    ),
    "Starlette": (
        'from starlette.config import Config\nown = Config(env_prefix="APP_")\nA = own("A")\n'
        'B = own.get("B")\n'
        'C = own("C", str, "x")\n',
        {"APP_A!", "APP_B!", "APP_C"},
    ),
    "a generic base class": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
        "class B(BaseSettings, Generic[T]):\n    a: str\n"
        "class S(B[int]):\n    b: str\ns = S()\n",
        {"A!", "B!"},
    ),
    "a default that a base class lacks": (
        'class B(BaseSettings):\n    a: str\nclass S(B):\n    a: str = "x"\ns = S()\n',
        {"A"},
    ),
    "a function that demands": (
        "def need(name):\n    value = os.getenv(name)\n    if not value:\n        raise ValueError(name)\n"
        '    return value\nA = need("A")\ndef late():\n    return need("B")\n',
        {"A!", "B"},
    ),
    "a conversion of what a function looks up": (
        'def env(name):\n    return os.getenv(name)\nA = int(env("A"))\nB = env("B")\n',
        {"A!", "B"},
    ),
    "a function with a default": (
        "def env(name, default=None):\n    return os.environ[name] if default is None else default\n"
        'A = env("A")\nB = env("B", "x")\n',
        {"A!", "B"},
    ),
    "decouple": ('from decouple import config\nA = config("A", "x")\nB = config("B")\n', {"A", "B!"}),
}


@pytest.mark.parametrize(("text", "names"), READ.values(), ids=READ)
def test_a_setting_is_required_where_its_reader_requires_it(
    text: str, names: set[str], tmp_path: Path
) -> None:
    read = (one.value for one in found(tmp_path, {"main.py": PYDANTIC + text + APP}).settings)

    assert {f"{one.name}!" if one.required else one.name for one in read} == names


@pytest.mark.parametrize(
    "lines",
    [
        '    a: str = Field(env=["ONE", "A"])\n',
        '    a: str = Field(env="TWO")\n    class Config:\n        fields = {"a": {"env": ["ONE"]}}\n',
        '    one: str = Field(alias="TWO")\n',
    ],
)
def test_the_names_of_pydantic_1_are_read(lines: str, tmp_path: Path) -> None:
    text = f"from pydantic import BaseSettings, Field\nclass S(BaseSettings):\n{lines}s = S()\n"

    assert [one.value.name for one in found(tmp_path, {"main.py": text + APP}).settings] == ["ONE"]


def test_the_url_of_a_test_database_is_no_storage(tmp_path: Path) -> None:
    text = 'class S(BaseSettings):\n    test_database_url: str = "sqlite:///./test.db"\ns = S()\n'

    assert found(tmp_path, {"main.py": PYDANTIC + text + APP}).writable == ()


def test_a_guarded_lookup_at_import_is_not_called_a_later_one(tmp_path: Path) -> None:
    text = (
        'import os\ntry:\n    A = os.environ["A"]\nexcept KeyError:\n    A = ""\n'
        'def late():\n    os.environ["B"]\n'
    )
    read = found(tmp_path, {"main.py": text + APP}).settings

    assert [(one.value.name, bool(one.why)) for one in read] == [("A", False), ("B", True)]


def test_a_base_class_elsewhere_names_the_library(tmp_path: Path) -> None:
    base = "from pydantic_settings import BaseSettings\nclass Base(BaseSettings):\n    pass\n"
    text = "from typing import Optional\nfrom base import Base\nclass S(Base):\n    a: Optional[str]\n"
    settings = found(tmp_path, {"base.py": base, "main.py": f"{text}s = S()\n{APP}"}).settings

    assert [(one.value.name, one.value.required) for one in settings] == [("A", True)]
