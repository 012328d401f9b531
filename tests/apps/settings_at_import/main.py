from config import settings
from fastapi import FastAPI

app = FastAPI(title=settings.title)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
