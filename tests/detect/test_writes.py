"""The paths that a program writes, in the ways that public projects spell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detect.test_kinds import APP, found

HEAD = "import os\nfrom pathlib import Path\n"
SPELLED = {
    "the value after or": ('FOLDER = os.getenv("FOLDER") or "kept"\nos.makedirs(FOLDER)\n', ["kept"]),
    "a path after or": (
        'Path(os.getenv("FOLDER") or Path(__file__).parent / "var" / "kept").mkdir()\n',
        ["var/kept"],
    ),
    "either of two": ('os.makedirs("kept" if not os.getenv("LIVE") else "/kept")\n', ["kept"]),
    "a parameter's default": ('def save(folder="kept"):\n    os.makedirs(folder)\n', ["kept"]),
    "an object's default": (
        'class Store:\n    def __init__(self, root: str = "kept"):\n        self.root = Path(root)\n'
        "        self.root.mkdir()\n",
        ["kept"],
    ),
    "an object's argument": (
        "class Store:\n    def __init__(self, root):\n        self.root = Path(root)\n"
        '    def put(self, name):\n        (self.root / name).write_bytes(b"")\nstore = Store("kept")\n',
        ["kept"],
    ),
    "an attribute of a class": (
        'class Store:\n    root = Path("kept")\n    def put(self, name):\n'
        "        (self.root / name).touch()\n",
        ["kept"],
    ),
    "a property": (
        'class Settings:\n    base: Path = Path("var")\n    @property\n    def folder(self) -> Path:\n'
        '        return self.base / "kept"\nsettings = Settings()\nsettings.folder.mkdir()\n',
        ["var/kept"],
    ),
    "a dictionary's value": ('NAMES = {"uploads": "kept"}\nos.makedirs(NAMES["uploads"])\n', ["kept"]),
    "a loop": ('for name in ("one", "two"):\n    os.makedirs(name)\n', ["one", "two"]),
    "a copy": ('import shutil\nshutil.copy("a.txt", "kept/a.txt")\n', ["kept/a.txt"]),
    "a table": ('def export(table):\n    table.to_csv("kept/a.csv")\n', ["kept/a.csv"]),
    "an image": ('def draw(image):\n    image.save("kept/a.png")\n', ["kept/a.png"]),
    "an archive": ('import zipfile\nzipfile.ZipFile("kept/a.zip", "w")\n', ["kept/a.zip"]),
    "aiofiles": ('import aiofiles.os\nasync def make():\n    await aiofiles.os.makedirs("kept")\n', ["kept"]),
    "a URL as a sum": ('URL = "sqlite:///" + os.path.join("kept", "app.db")\n', ["kept/app.db"]),
    "a URL with a percent sign": ('URL = "sqlite:///%s" % "kept/app.db"\n', ["kept/app.db"]),
    "Pony": ('def bind(db):\n    db.bind(provider="sqlite", filename="app.sqlite")\n', ["app.sqlite"]),
}


@pytest.mark.parametrize(("text", "written"), SPELLED.values(), ids=SPELLED)
def test_a_written_path_is_found_as_it_is_spelled(text: str, written: list[str], tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": HEAD + text + APP})

    assert [one.value for one in findings.writable] == written


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("logging.yaml", "handlers:\n  file:\n    class: logging.FileHandler\n    filename: logs/app.log\n"),
        ("logging.json", '{"file": {\n"class": "logging.FileHandler",\n"filename": "logs/app.log"}}\n'),
        ("logging.ini", "[handler_file]\nclass=FileHandler\nargs=('logs/app.log', 'a')\n"),
    ],
)
@pytest.mark.parametrize(
    "files",
    [{"main.py": f'TEXT = open("%s")\n{APP}'}, {"Procfile": "web: uvicorn main:app --log-config %s\n"}],
    ids=["opened", "named in the command"],
)
def test_the_files_of_logging_are_found_in_its_configuration(
    name: str, text: str, files: dict[str, str], tmp_path: Path
) -> None:
    findings = found(tmp_path, {name: text, **{path: own.replace("%s", name) for path, own in files.items()}})

    assert [one.value for one in findings.writable] == ["logs/app.log"]


def test_a_path_that_only_a_run_knows_is_a_note(tmp_path: Path) -> None:
    text = f"{HEAD}def make(user):\n    os.makedirs(user.folder)\n{APP}"
    noted = {note.where: note.value for note in found(tmp_path, {"main.py": text}).notes}

    assert "name the folder in volumes" in noted["main.py:4"]


@pytest.mark.parametrize(
    "text",
    [
        "import tempfile\nos.makedirs(os.path.join(tempfile.gettempdir(), 'x'))\n",
        "def save(user):\n    user.save()\n    user.save('draft')\n",
        'open("/tmp/x", "w")\n',
        "import tempfile\ndef f(name):\n    with tempfile.TemporaryDirectory() as d:\n"
        "        path = os.path.join(d, name)\n        open(path, 'wb')\n",
    ],
)
def test_temporary_files_and_other_methods_are_no_writes(text: str, tmp_path: Path) -> None:
    findings = found(tmp_path, {"main.py": HEAD + text + APP})

    assert (findings.writable, findings.notes) == ((), ())


def test_a_folder_that_a_subclass_of_static_files_passes_on_is_data(tmp_path: Path) -> None:
    text = (
        "from fastapi.staticfiles import StaticFiles\nclass Pages(StaticFiles):\n"
        '    def __init__(self):\n        super().__init__(directory="frontend/dist", html=True)\n'
    )
    files = {"frontend/package.json": "{}", "frontend/dist/index.html": "x"}

    assert [one.value for one in found(tmp_path, {"main.py": text + APP, **files}).data_files] == [
        "frontend/dist"
    ]
