from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory="frontend/dist", html=True), name="static")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
