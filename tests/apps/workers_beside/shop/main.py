from fastapi import FastAPI

app = FastAPI()


@app.get("/_status")
def status() -> dict[str, bool]:
    return {"up": True}
