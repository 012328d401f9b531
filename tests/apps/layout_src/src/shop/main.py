from shop import __version__
from fastapi import FastAPI

app = FastAPI(version=__version__)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
