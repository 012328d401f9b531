from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("shop")
except PackageNotFoundError:
    VERSION = "unknown"

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
