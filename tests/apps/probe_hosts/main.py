from fastapi import FastAPI, Request, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

NAMES = ["*.example.org", "localhost"]
app = FastAPI(docs_url=None)
app.add_middleware(TrustedHostMiddleware, allowed_hosts=NAMES)


@app.middleware("http")
async def own(request: Request, call_next):
    if not request.headers["host"].split(":")[0].endswith(".example.org"):
        return Response("another host", 421)
    return await call_next(request)


@app.get("/__heartbeat__")
def heartbeat() -> dict[str, bool]:
    return {"up": True}
