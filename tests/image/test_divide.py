from __future__ import annotations

from pathlib import Path

from divide import divide

from tests.conftest import write_files


def test_code_stays_and_everything_else_moves(tmp_path: Path) -> None:
    tree, rest = tmp_path / "tree", tmp_path / "rest"
    write_files(
        tree,
        {
            "app/shop/main.py": "",
            "app/shop/__pycache__/main.cpython-313.pyc": "",
            "app/shop/static/logo.svg": "",
            "opt/image/start.py": "",
            "opt/venv/lib/shop.py": "",
        },
    )

    divide(tree, rest)

    assert files(tree) == [
        "app/shop/__pycache__/main.cpython-313.pyc",
        "app/shop/main.py",
        "opt/venv/lib/shop.py",
    ]
    assert files(rest) == ["app/shop/static/logo.svg", "opt/image/start.py"]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
