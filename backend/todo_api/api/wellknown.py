"""The metadata that leads MCP clients to the authorization server (RFC 9728)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from todo_api.http.gate import public_url
from todo_api.settings import Settings

router = APIRouter(include_in_schema=False)


@router.get("/.well-known/oauth-protected-resource")
@router.get("/.well-known/oauth-protected-resource/mcp")
async def protected_resource(request: Request) -> JSONResponse:
    """Return the protected-resource metadata of /mcp."""
    settings: Settings = request.app.state.settings
    return JSONResponse(
        {
            "resource": f"{public_url(request.scope)}/mcp",
            "resource_name": request.app.title,
            "authorization_servers": [settings.mcp_issuer] if settings.mcp_issuer else [],
            "bearer_methods_supported": ["header"],
        },
        headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"},
    )
