import os

from fastapi import FastAPI


class Server:
    def __init__(self) -> None:
        self.app = FastAPI(docs_url="/docs" if os.getenv("DEBUG") else None)
        self.app.add_api_route("/shop/open", self.opened)

    def opened(self) -> dict[str, bool]:
        return {"open": True}


server = Server()
