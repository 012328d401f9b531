from fastapi import APIRouter

from shop import status

router = APIRouter()
router.include_router(status.router, prefix="/status")
