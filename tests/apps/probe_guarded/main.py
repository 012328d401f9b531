from fastapi import Depends, FastAPI, Header


def check_token(token: str = Header()) -> None:
    assert token


app = FastAPI(dependencies=[Depends(check_token)], docs_url="/help")


@app.get("/health")
def health() -> bool:
    return True
