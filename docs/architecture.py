"""Draw the layers of drydock into docs/background/architecture.md: `python -m docs.architecture`.

The order is the contract of import-linter in pyproject.toml, the arrows are those of the import graph.
"""

from __future__ import annotations

import re
import tomllib

import grimp

from docs.pages import ROOT, filled

PAGE = ROOT / "docs/background/architecture.md"


def layers() -> list[list[str]]:
    """Return the packages of each layer, the uppermost first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    rows = next(one["layers"] for one in contracts if one["type"] == "layers")
    return [re.findall(r"\w+", row) for row in rows]


def role(package: str) -> str:
    """Return the first sentence of a package's docstring."""
    place = ROOT / "drydock" / package
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    found = re.match(r'"""(.+?)(?:"""|\n)', file.read_text(encoding="utf-8"))
    return found[1] if found else ""


def table() -> str:
    """Return the layers as a table: each package, its purpose, and the packages that it imports."""
    graph = grimp.build_graph("drydock")
    lines = ["| package | purpose | imports |", "|---|---|---|"]
    for row in layers():
        for package in row:
            name = f"drydock.{package}"
            if name not in graph.modules:  # scripts of the build and of the image, which are not packages
                continue
            inside = {name, *graph.find_descendants(name)}
            targets = {other for one in inside for other in graph.find_modules_directly_imported_by(one)}
            below = {other.split(".")[1] for other in targets if "." in other} - {package}
            ground = {name for last in layers()[-3:] for name in last}
            shown = ", ".join(f"`{name}`" for name in sorted(below - ground)) or "ground alone"
            lines.append(f"| `{package}` | {role(package)} | {shown} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with the table of today."""
    return filled(text, "layers", table())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
