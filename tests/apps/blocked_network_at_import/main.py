import urllib.request

from fastapi import FastAPI

RATES = urllib.request.urlopen("https://rates.invalid/today").read()
app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
