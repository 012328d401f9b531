from fastapi import FastAPI

app = FastAPI()


def test_title() -> None:
    assert app.title
