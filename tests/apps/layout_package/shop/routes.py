from fastapi import APIRouter

router = APIRouter(prefix="/orders")


@router.get("/")
def orders() -> list[str]:
    return []
