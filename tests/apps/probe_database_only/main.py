from collections.abc import Iterator

from fastapi import Depends, FastAPI

app = FastAPI()


def get_db() -> Iterator[str]:
    yield "a database session"


@app.get("/health")
def health(db: str = Depends(get_db)) -> bool:
    return bool(db)
