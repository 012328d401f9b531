import shutil

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/git")
def git() -> str | None:
    return shutil.which("git")
