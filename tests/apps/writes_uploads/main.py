from pathlib import Path

from fastapi import FastAPI

UPLOADS = Path(__file__).parent / "uploads"
UPLOADS.mkdir(exist_ok=True)
app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/uploads/{name}")
def upload(name: str, text: str) -> int:
    return (UPLOADS / Path(name).name).write_text(text)
