from importlib.util import find_spec

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, bool]:
    return {"windows": find_spec("colorama") is not None}
