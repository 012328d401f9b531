from fastapi import FastAPI


def create_app(database_url: str) -> FastAPI:
    app = FastAPI(title=database_url)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
