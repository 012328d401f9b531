from typing import Annotated

from fastapi import APIRouter, Depends

router = APIRouter()


def get_session() -> str:
    return "a database session"


Session = Annotated[str, Depends(get_session)]


@router.get("/healthz/")
def alive() -> bool:
    return True


@router.get("/ready/")
def ready(session: Session) -> bool:
    return bool(session)
