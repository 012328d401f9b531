import uvicorn
from fastapi import FastAPI


def start() -> None:
    app = FastAPI()
    uvicorn.run(app)


if __name__ == "__main__":
    start()
