import uvicorn

from shop import app

if __name__ == "__main__":
    uvicorn.run(app, port=9000)
