from fastapi import FastAPI

from shop.api import router

API = "/api/v1"
app = FastAPI(docs_url=None)
app.include_router(router, prefix=API)
