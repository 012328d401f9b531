import shutil
import subprocess
from pathlib import Path

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/git")
def git() -> str | None:
    return shutil.which("git")


@app.get("/type")
def type_of_notes() -> str:
    return next(line for line in Path("/usr/share/mime/globs2").read_text().splitlines() if "*.geojson" in line)


@app.get("/unzip")
def unzip() -> str:
    return subprocess.run(["unzip", "-v"], capture_output=True, text=True, check=True).stdout[:12]
