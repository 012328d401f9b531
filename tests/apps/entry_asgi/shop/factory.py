from fastapi import FastAPI


def create_app(title: str) -> FastAPI:
    app = FastAPI(title=title)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
