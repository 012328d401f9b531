from importlib.metadata import entry_points

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


for plugin in entry_points(group="shop.plugins"):
    plugin.load()(app)
