import sqlite3

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


URL = "sqlite:///./data/shop.db"


@app.post("/notes")
def note(text: str) -> int:
    with sqlite3.connect("data/shop.db") as database:
        database.execute("create table if not exists notes (text)")
        return database.execute("insert into notes values (?)", [text]).rowcount
