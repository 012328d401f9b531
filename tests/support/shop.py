"""The smallest FastAPI project with locked requirements."""

MAIN = """\
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health() -> str:
    return "ok"
"""
LOCK = "fastapi==0.165.0 \\\n    --hash=sha256:00\nuvicorn==0.54.0 \\\n    --hash=sha256:00\n"
# A whole project: with a version, a test, and two dependencies to resolve.
PROJECT = {
    "pyproject.toml": (
        '[project]\nname = "shop"\nversion = "1.4.2"\nrequires-python = ">=3.11"\n'
        'dependencies = ["fastapi", "uvicorn"]\n[dependency-groups]\ndev = ["httpx", "pytest"]\n'
    ),
    "main.py": (
        "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        '@app.get("/health")\ndef health() -> dict[str, str]:\n    return {"status": "ok"}\n'
    ),
    "tests/test_main.py": "from main import health\n\n\ndef test_health() -> None:\n    assert health()\n",
}
