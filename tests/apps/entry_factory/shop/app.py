from fastapi import FastAPI


def create_app(debug: bool = False) -> FastAPI:
    app = FastAPI(debug=debug)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
