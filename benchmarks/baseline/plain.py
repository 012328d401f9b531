"""List and create tasks as most FastAPI services do: session per request, `response_model`, PyJWT."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the tables."""


class TaskRow(Base):
    """A stored task."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None]
    completed: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class TaskCreate(BaseModel):
    """A new task."""

    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)


class Task(BaseModel):
    """A task."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: str
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime


app = FastAPI()
engine = create_async_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
sessions = async_sessionmaker(engine, expire_on_commit=False)
keys = jwt.PyJWKClient(os.environ["BETTER_AUTH_JWKS_URL"])
issuer = os.environ["BETTER_AUTH_ISSUER"]
bearer = HTTPBearer()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def get_user(
    user_id: str, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> str:
    token = credentials.credentials
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA"],
            audience=issuer,
            issuer=issuer,
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    if claims["sub"] != user_id:
        raise HTTPException(403)
    return user_id


User = Annotated[str, Depends(get_user)]
Session = Annotated[AsyncSession, Depends(get_session)]


@app.get("/readyz")
async def readyz(session: Session) -> dict[str, str]:
    await session.execute(select(1))
    return {"status": "ready"}


@app.get("/api/{user_id}/tasks", response_model=list[Task])
async def list_tasks(user: User, session: Session, limit: int = 50) -> Any:
    rows = await session.scalars(
        select(TaskRow)
        .where(TaskRow.user_id == user)
        .order_by(TaskRow.created_at.desc(), TaskRow.id.desc())
        .limit(limit)
    )
    return rows.all()


@app.post("/api/{user_id}/tasks", response_model=Task, status_code=201)
async def add_task(user: User, session: Session, body: TaskCreate) -> Any:
    now = datetime.now(UTC)
    row = TaskRow(user_id=user, completed=False, created_at=now, updated_at=now, **body.model_dump())
    session.add(row)
    await session.commit()
    return row
