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


@app.get("/uses")
def use_all() -> dict[str, object]:
    failed = {}
    for name, use_it in uses.USES.items():
        try:
            use_it()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    return {"failed": failed, "used": len(uses.USES) - len(failed)}
