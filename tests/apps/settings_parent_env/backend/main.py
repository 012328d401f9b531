from settings import settings
from fastapi import FastAPI

app = FastAPI(debug=settings.debug)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
