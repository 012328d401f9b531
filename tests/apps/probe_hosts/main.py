from fastapi import FastAPI, Request, Response

NAMES = ["shop.example.org"]
app = FastAPI(docs_url=None)


@app.middleware("http")
async def own(request: Request, call_next):
    if request.headers["host"].split(":")[0] not in NAMES:
        return Response("another host", 421)
    return await call_next(request)


@app.get("/__heartbeat__")
def heartbeat() -> dict[str, bool]:
    return {"up": True}
