import logging.config
import os
from pathlib import Path

from fastapi import FastAPI

logging.config.fileConfig("logging.ini")


class Store:
    def __init__(self, root: str = "kept") -> None:
        self.root = Path(os.getenv("KEPT_DIR") or root)

    def put(self, name: str) -> list[str]:
        self.root.mkdir(exist_ok=True)
        (self.root / name).write_bytes(b"1")
        return sorted(os.listdir(self.root))


app = FastAPI()
store = Store()


@app.get("/health")
def health() -> dict[str, int]:
    return {"logged": os.path.getsize("logs/shop.log")}


@app.post("/put")
def put(name: str) -> list[str]:
    logging.getLogger().warning("put %s", name)
    return store.put(name)
