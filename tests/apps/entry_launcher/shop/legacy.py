from fastapi import FastAPI

old = FastAPI()


@old.get("/")
def index() -> str:
    return "old"
