from fastapi import FastAPI


def install(app: FastAPI) -> None:
    app.title = "with plug-in"
