from fastapi import FastAPI

web_service = FastAPI()


@web_service.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
