"""Build charts.js from the npm packages that npm-shrinkwrap.json pins.

Run it with `./run python -m tests.report.browser.charts`; it needs Node and npm.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from drydock import command
from tests.conftest import ROOT

HERE = Path(__file__).parent
BUNDLE = ROOT / "drydock/report/page/charts.js"
# esbuild's target, browsers of 2022 and later; they support the page's own script as well.
BROWSERS = "es2022"
LICENCES = (
    ("echarts", ("NOTICE", "LICENSE", "licenses/LICENSE-d3")),
    ("zrender", ("LICENSE",)),
    ("tslib", ("LICENSE.txt",)),
)


def bundle() -> str:
    """Return the script: identical for the same lock, on every machine."""
    with tempfile.TemporaryDirectory(prefix="drydock-charts-") as name:
        folder = Path(name)
        for file in ("package.json", "npm-shrinkwrap.json", "entry.js"):
            shutil.copy(HERE / file, folder)
        command.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
        esbuild = folder / "node_modules/.bin/esbuild"
        options = ("--bundle", "--minify", "--format=iife", f"--target={BROWSERS}", "--legal-comments=none")
        code = command.run([str(esbuild), "entry.js", "--charset=ascii", *options], cwd=folder).stdout
        return f"/*!\n{licences(folder / 'node_modules')}\n*/\n{code}"


def licences(modules: Path) -> str:
    """Return the notices of all packages in the bundle."""
    texts = [
        f"{package}/{file}\n\n{(modules / package / file).read_text(encoding='utf-8').strip()}"
        for package, files in LICENCES
        for file in files
    ]
    # This text must not close the comment or script element that contains it.
    return "\n\n---\n\n".join(texts).replace("*/", "* /").replace("</", "< /")


if __name__ == "__main__":
    BUNDLE.write_text(bundle(), encoding="utf-8")
