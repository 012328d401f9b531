from fastapi import FastAPI

from admin import app as admin_app

app = FastAPI()
app.mount("/admin", admin_app)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
