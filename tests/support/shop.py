"""The smallest FastAPI project with locked requirements."""

MAIN = """\
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health() -> str:
    return "ok"
"""
LOCK = "fastapi==0.165.0 \\\n    --hash=sha256:00\nuvicorn==0.54.0 \\\n    --hash=sha256:00\n"
