"""/docs without the internet: Swagger UI from its package, stored compressed."""

from __future__ import annotations

import gzip
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from todo_api.api.openapi import document
from todo_api.problems import Problem

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parent.parent / "static"
ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Todo Chatbot API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """Return the OpenAPI document."""
    return JSONResponse(document(request.app))


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Return the page; its links are relative, so it works below a prefix too."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}")
async def asset(name: str, request: Request) -> Response:
    """Return one of the page's files, compressed unless the client refuses that."""
    if name not in ASSETS:
        raise Problem(404, "not-found", f"There is no file {name!r} here.")
    compressed = STATIC / f"{name}.gz"
    headers = {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
    if not compressed.exists():
        return Response((STATIC / name).read_bytes(), media_type=ASSETS[name], headers=headers)
    content = compressed.read_bytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, media_type=ASSETS[name], headers=headers)
