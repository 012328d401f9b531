from fastapi import FastAPI

import uses

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/uses/{name}")
def use(name: str) -> dict[str, str]:
    uses.USES[name]()
    return {"used": name}
