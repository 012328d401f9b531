"""`init` for a user: its files, the files that it leaves alone, its messages."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from drydock import recipe, state
from drydock.detect import detect
from drydock.detect.errors import Undecided
from drydock.detect.project import load
from drydock.errors import BadConfiguration
from drydock.project import ignore
from drydock.recipe import current, packaged
from drydock.recipe.errors import FileNotWritten, FilesDiffer, MergeConflicts, NotLocked
from tests.conftest import write_files
from tests.detect.support import APPS, materialise, summary
from tests.support.repository import git
from tests.support.shop import LOCK, MAIN
from tests.verify.cases import Case, examples


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with locked requirements, so that resolution is not needed."""
    files = {"shop/__init__.py": "", "shop/main.py": MAIN, "requirements.txt": LOCK}
    return write_files(tmp_path / "shop", files)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder for this test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    path.write_text(path.read_text().replace(old, new, 1))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_everything_that_an_image_needs_is_written(shop: Path) -> None:
    before = set(tree(shop))

    recipe.init(shop, {})

    assert set(tree(shop)) - before == {"Dockerfile", ".dockerignore"}


def test_a_dry_run_writes_nothing_and_shows_the_same(shop: Path) -> None:
    before = tree(shop)

    shown = recipe.init(shop, {}, dry_run=True)

    assert tree(shop) == before
    assert shown.changes == recipe.init(shop, {}).changes


def test_a_second_run_has_nothing_to_write(shop: Path) -> None:
    recipe.init(shop, {})

    assert recipe.init(shop, {}).changes == ()


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "fastapi\nuvicorn\n"},
        {"requirements/prod.txt": "-r ../base.txt\nuvicorn\n", "base.txt": "fastapi\n"},
        {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['fastapi']\n"},
        {"setup.py": "from setuptools import setup\n\nsetup(name='shop', install_requires=['fastapi'])\n"},
    ],
    ids=["requirements.txt", "requirements of another name", "pyproject.toml", "setup.py"],
)
def test_a_second_run_after_locking_has_nothing_to_write(files: dict[str, str], tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, **files})
    recipe.init(folder, {})

    assert [change.path for change in recipe.init(folder, {}).changes] == []


NAMES = (
    [".dockerignore", "Dockerfile"],
    ["Dockerfile", "Dockerfile.dockerignore"],
    ["drydock.Dockerfile", "drydock.Dockerfile.dockerignore"],
)


@pytest.mark.parametrize("case", [case for case in examples() if not case.is_refused], ids=lambda c: c.name)
def test_a_second_run_in_an_example_has_nothing_to_write(case: Case, tmp_path: Path) -> None:
    folder = materialise(case.name, tmp_path / case.name) / case.member
    before = {path for path in (tmp_path / case.name).rglob("*") if path.is_file()}
    first = recipe.init(folder, {}, lock=False)

    second = recipe.init(folder, {}, lock=False)

    assert [change.path for change in second.changes] == []
    assert set(second.notes) <= set(first.notes)
    written = {path for path in (tmp_path / case.name).rglob("*") if path.is_file()} - before
    texts = {path.name: path.read_text() for path in written}
    assert sorted(texts) in NAMES
    [text] = [text for name, text in texts.items() if name.endswith("Dockerfile")]
    assert text.count("\n") <= 120
    assert sum(text.count("\n") for text in texts.values()) <= 250
    assert not re.search("todo|chatbot|backend|livez", re.sub(r"backend[\w/.]*", "", text), re.I)


PLUGINS = """\
[project]
name = "shop"
version = "1"
dependencies = ["fastapi"]

[project.entry-points."shop.plugins"]
extra = "main:app"
"""
# Its dependencies are locked already, so only its build is left to lock.
BY_LOCK = {"lock": "requirements.txt"}
INSTALLED = {
    "requirements.txt": LOCK,
    "main.py": "from importlib.metadata import entry_points\n\nentry_points(group='shop.plugins')\n" + MAIN,
}


@pytest.mark.parametrize(
    ("files", "tools"),
    [
        ({"pyproject.toml": f'{PLUGINS}[build-system]\nrequires = ["hatchling"]\n'}, "hatchling=="),
        (
            {"pyproject.toml": PLUGINS, "setup.py": "from setuptools import setup\n\nsetup()\n"},
            "setuptools==",
        ),
    ],
    ids=["declared", "not declared"],
)
def test_what_builds_an_installed_project_is_locked_once(
    files: dict[str, str], tools: str, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "shop", {**INSTALLED, **files})

    unmade = recipe.init(folder, BY_LOCK, dry_run=True).unresolved
    recipe.init(folder, BY_LOCK)

    assert "requirements-build.lock" in unmade
    lock = (folder / "requirements-build.lock").read_text()
    assert f"\n{tools}" in lock
    assert "--hash=sha256:" in lock
    assert "uv build --wheel" in (folder / "Dockerfile").read_text()
    assert [change.path for change in recipe.init(folder, {}).changes] == []


def test_a_build_that_needs_nothing_has_an_empty_lock(tmp_path: Path) -> None:
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    folder = write_files(tmp_path / "shop", {**INSTALLED, "pyproject.toml": PLUGINS + system})

    recipe.init(folder, BY_LOCK)

    lines = (folder / "requirements-build.lock").read_text().splitlines()
    assert lines
    assert all(line.startswith("#") for line in lines)


@pytest.mark.parametrize("lock", [False, True], ids=["unasked", "without a hash"])
def test_what_cannot_be_locked_builds_the_project_unlocked(lock: bool, tmp_path: Path) -> None:
    backend = write_files(
        tmp_path / "backend", {"pyproject.toml": '[project]\nname = "backend"\nversion = "1"\n'}
    )
    system = f'[build-system]\nrequires = ["backend @ {backend.as_uri()}"]\nbuild-backend = "backend"\n'
    files = {"pyproject.toml": PLUGINS + system}
    folder = write_files(tmp_path / "shop", {**INSTALLED, **files})

    recipe.init(folder, BY_LOCK, lock=lock)

    assert not (folder / "requirements-build.lock").exists()
    assert "--no-deps --target=/rootfs/app /project" in (folder / "Dockerfile").read_text()


def test_a_file_whose_base_is_lost_is_overwritten_only_with_force(shop: Path) -> None:
    recipe.init(shop, {})
    edit(shop / "Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT")
    shutil.rmtree(state.folder("written"))
    write_files(shop, {"shop/main.py": MAIN.replace("/health", "/alive")})
    before = tree(shop)

    with pytest.raises(
        FilesDiffer, match=r"Dockerfile in .* would change, and the text .* is not known; "
    ) as caught:
        recipe.init(shop, {})

    assert tree(shop) == before
    assert "-STOPSIGNAL SIGINT\n+STOPSIGNAL SIGTERM" in caught.value.evidence
    recipe.init(shop, {}, force=True)
    text = (shop / "Dockerfile").read_text()
    assert "HEALTH_PATH=/alive" in text
    assert "STOPSIGNAL SIGTERM" in text


def test_the_base_of_an_edited_file_is_found_in_git(shop: Path) -> None:
    git(shop, "init", "--quiet")
    recipe.init(shop, {})
    git(shop, "add", "--all")
    git(shop, "commit", "--quiet", "--message=written")
    edit(shop / "Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT")
    shutil.rmtree(state.folder("written"))
    write_files(shop, {"shop/main.py": MAIN.replace("/health", "/alive")})

    recipe.init(shop, {})

    text = (shop / "Dockerfile").read_text()
    assert "HEALTH_PATH=/alive" in text
    assert text.count("STOPSIGNAL SIGINT") == 1


def test_an_edit_survives_a_change_of_the_project_and_an_upgrade(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.init(shop, {})
    for number, path in enumerate(("/healthz", "/livez")):
        name = f"STOPSIGNAL SIG{number}"
        edit(shop / "Dockerfile", "STOPSIGNAL SIGTERM", name)
        write_files(shop, {"shop/main.py": MAIN.replace("/health", path)})
        monkeypatch.setattr("drydock.version", lambda number=number: f"9.{number}")

        outcome = recipe.init(shop, {})

        text = (shop / "Dockerfile").read_text()
        assert [change.path for change in outcome.changes] == ["Dockerfile"]
        assert f"HEALTH_PATH={path}" in text
        assert name in text
        assert f"drydock 9.{number} " in text
        assert recipe.init(shop, {}).changes == ()


def test_a_conflict_is_shown_as_git_does_and_keeps_both(shop: Path) -> None:
    recipe.init(shop, {})
    edit(shop / "Dockerfile", "HEALTH_PATH=/health", "HEALTH_PATH=/mine")
    write_files(shop, {"shop/main.py": MAIN.replace("/health", "/alive")})

    for _ in range(2):
        with pytest.raises(MergeConflicts, match=r"your edits of Dockerfile in .* conflict with"):
            recipe.init(shop, {})

        text = (shop / "Dockerfile").read_text()
        assert text.count("<<<<<<< your file\n") == text.count(">>>>>>> written now\n") == 1
        assert "HEALTH_PATH=/mine" in text
        assert "HEALTH_PATH=/alive" in text


def test_files_of_another_origin_are_left_alone(shop: Path) -> None:
    write_files(shop, {"Dockerfile": "FROM python\n", ".dockerignore": "web\n"})
    before = tree(shop)

    recipe.init(shop, {})

    assert before.items() <= tree(shop).items()
    assert sorted(tree(shop).keys() - before.keys()) == NAMES[2]
    assert load(shop).dockerfile == current.of(load(shop)).dockerfile == shop / "drydock.Dockerfile"
    assert load(shop).ignore == shop / "drydock.Dockerfile.dockerignore"
    assert recipe.init(shop, {}).changes == ()


def test_ignore_rules_of_another_origin_are_left_alone(shop: Path) -> None:
    write_files(shop, {".dockerignore": "web\n"})

    recipe.init(shop, {})

    assert (shop / ".dockerignore").read_text() == "web\n"
    assert load(shop).ignore == shop / "Dockerfile.dockerignore"


def test_extras_that_are_not_asked_for_are_not_rendered(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []
    counted = {
        name: extra._replace(render=lambda _, name=name: rendered.append(name) or {})  # type: ignore[misc]
        for name, extra in recipe.EXTRAS.items()
    }
    monkeypatch.setattr("drydock.recipe.files.EXTRAS", counted)

    recipe.init(shop, {}, extras=["compose"])

    assert rendered == ["compose"]


def test_extras_and_scripts_are_written_on_demand_and_kept_up_to_date(shop: Path) -> None:
    recipe.init(shop, {}, extras=["tasks", "kubernetes", "github", "gitlab"], vendor=True)

    written = tree(shop)
    assert {"tasks.py", "noxfile.py", "deploy/kubernetes/base/deployment.yaml"} <= written.keys()
    assert {".github/workflows/drydock.yml", ".gitlab-ci.yml"} <= written.keys()
    assert "\nCOPY image/ /\n" in written["Dockerfile"].decode()
    assert written["image/assemble/__main__.py"].endswith(
        (packaged.SCRIPTS / "assemble/__main__.py").read_bytes()
    )
    assert recipe.init(shop, {}).changes == ()
    write_files(shop, {"shop/main.py": MAIN.replace("/health", "/alive")})
    changed = {change.path for change in recipe.init(shop, {}).changes}
    assert changed == {"Dockerfile", "deploy/kubernetes/base/deployment.yaml"}


def test_an_unknown_extra_is_named(shop: Path) -> None:
    with pytest.raises(
        BadConfiguration, match=r"--with kubernets: is not known; use .*did you mean `kubernetes`"
    ):
        recipe.init(shop, {}, extras=["kubernets"])


def test_a_new_package_and_no_secret_reach_the_build(shop: Path) -> None:
    write_files(shop, {".gitignore": "*.sqlite\n/uploads/\n!keep.sqlite\n", "README.md": ""})
    recipe.init(shop, {})
    new = {"prices/__init__.py": "", "prices/rates.json": "", "main.py": ""}
    hidden = {
        "a/data.sqlite": "",
        "uploads/x": "",
        ".env": "",
        "prices/.env": "",
        "prices/a.pem": "",
        "prices/secrets.json": "",
        "docs/a": "",
    }
    write_files(shop, {**new, **hidden, "keep.sqlite": ""})

    rules = ignore.patterns((shop / ".dockerignore").read_text())

    assert ignore.excluded(rules, [*new, *hidden, "keep.sqlite", "README.md"]) == {*hidden, "README.md"}
    assert "COPY . /rootfs/app/" in (shop / "Dockerfile").read_text()


def test_certificates_and_public_keys_reach_the_build_and_private_keys_do_not(shop: Path) -> None:
    mark = "-----BEGIN {}-----\n"
    public = {"shop/ca.pem": mark.format("CERTIFICATE"), "shop/jwt.pem": mark.format("PUBLIC KEY")}
    private = {
        "shop/own.pem": mark.format("CERTIFICATE") + mark.format("PRIVATE KEY"),
        "shop/rsa.pem": mark.format("RSA PRIVATE KEY"),
        "shop/empty.pem": "",
        "shop/ignored.pem": mark.format("CERTIFICATE"),
    }
    write_files(shop, {**public, **private, ".gitignore": "ignored.pem\n"})
    recipe.init(shop, {})

    rules = ignore.patterns((shop / ".dockerignore").read_text())

    assert ignore.excluded(rules, [*public, *private]) == {*private}


def test_all_files_are_written_or_none(shop: Path) -> None:
    write_files(shop, {"deploy": "a file where a folder has to be"})
    before = tree(shop)

    with pytest.raises(FileNotWritten, match=r"deploy.* cannot be written"):
        recipe.init(shop, {}, extras=["kubernetes"])

    assert tree(shop) == before


def test_options_are_added_to_an_existing_pyproject_and_nothing_else_is(tmp_path: Path) -> None:
    head = '# mine\n[project]\nname = "shop"\ndependencies = ["fastapi", "uvicorn"]\n'
    write_files(tmp_path, {"main.py": MAIN, "pyproject.toml": head, "requirements.lock": LOCK})

    recipe.init(tmp_path, {})
    assert (tmp_path / "pyproject.toml").read_text() == head
    recipe.init(tmp_path, {"port": "9000", "extra-files": "git,libmagic.so.1"})

    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith(head)
    assert tomllib.loads(text)["tool"]["drydock"] == {"port": 9000, "extra-files": ["git", "libmagic.so.1"]}
    assert 'EXTRA_FILES="git libmagic.so.1"' in (tmp_path / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prot": "9000"}, r"--option prot: unknown key; use .*did you mean `port`"),
        ({"port": "http"}, "--option port: 'http' is not a whole number"),
        ({"factory": "perhaps"}, "--option factory: 'perhaps' is not a boolean"),
        ({"python": "2.7"}, "--option python: '2.7' is not a version of Python"),
        ({"image": "Shop API"}, "--option image: 'Shop API' is not a legal repository name"),
        ({"volumes": "[1]"}, "--option volumes: 1 is not a folder of the image"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_written(
    options: dict[str, str], message: str, shop: Path
) -> None:
    before = tree(shop)

    with pytest.raises(BadConfiguration, match=message):
        recipe.init(shop, options)

    assert tree(shop) == before


def test_a_folder_in_a_files_place_is_named_and_nothing_is_written(shop: Path) -> None:
    (shop / "Dockerfile").mkdir()
    before = tree(shop)

    with pytest.raises(FileNotWritten, match="Dockerfile cannot be written: Is a directory; every file"):
        recipe.init(shop, {})

    assert tree(shop) == before


def test_a_configuration_by_hand_stays_and_wins(shop: Path) -> None:
    by_hand = 'port = 9000\nhealth-path = "/up"\n'
    write_files(shop, {"drydock.toml": by_hand})

    recipe.init(shop, {})

    assert (shop / "drydock.toml").read_text() == by_hand
    text = (shop / "Dockerfile").read_text()
    assert " PORT=9000" in text
    assert " HEALTH_PATH=/up\n" in text


def test_an_option_wins_over_what_is_found(shop: Path) -> None:
    recipe.init(shop, {"port": "9001"})

    assert load(shop).port == 9001


def test_a_workspace_gets_its_files_where_its_lock_is(tmp_path: Path) -> None:
    root = materialise("lock_uv_workspace", tmp_path / "shop")

    outcome = recipe.init(root / "services/api", {})

    assert outcome.root == root
    assert f"the files go to {root}, which holds the lock file of the workspace" in outcome.notes
    assert load(root / "services/api").source == root / "services/api"


@pytest.mark.parametrize("shape", sorted(path.parent.name for path in APPS.glob("blocked_*/expected.toml")))
def test_a_blocked_project_is_refused_with_the_reason(shape: str, tmp_path: Path) -> None:
    folder = materialise(shape, tmp_path / shape)
    found = summary(detect(folder))
    before = tree(folder)

    with pytest.raises(Undecided) as caught:
        recipe.init(folder, {})

    assert str(found["blocker_text"] or found["conflict_text"]) in caught.value.evidence
    assert tree(folder) == before


def test_dependencies_that_contradict_each_other_are_not_locked(tmp_path: Path) -> None:
    wanted = "fastapi==0.100.0\nstarlette==0.46.0\n"
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, "requirements.txt": wanted})
    before = tree(folder)

    with pytest.raises(NotLocked, match=r"No solution found when resolving dependencies"):
        recipe.init(folder, {})

    assert tree(folder) == before


def test_unlocked_dependencies_are_locked_with_hashes(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, "requirements.txt": "fastapi\n"})

    outcome = recipe.init(folder, {})

    lock = (folder / "requirements.lock").read_text()
    assert lock.count("--hash=") > lock.count("==") > 5
    assert "\nuvicorn==" in lock  # required by no other package
    assert "uvicorn is added: no declared dependency brings a server" in outcome.notes
    assert "--require-hashes /locks/requirements.lock" in (folder / "Dockerfile").read_text()


def test_without_a_lock_the_dockerfile_says_so(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", {"main.py": MAIN, "requirements.txt": "fastapi\nuvicorn\n"})

    outcome = recipe.init(folder, {}, lock=False)

    note = "requirements.txt is not locked: two builds of one source may differ; `drydock lock` locks it"
    assert note in outcome.notes
    assert "They are not locked" in (folder / "Dockerfile").read_text()
    assert not (folder / "requirements.lock").exists()
