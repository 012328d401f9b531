from typing import Annotated

from fastapi import FastAPI
from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Mail(BaseModel):
    server: str
    port: int = 25


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_nested_delimiter="__")
    title: Annotated[str, Field(min_length=1)]
    tags: list[str] = Field(default_factory=list)
    nick: str | None
    key: SecretStr = Field(validation_alias=AliasChoices("API_KEY", "KEY"))
    mail: Mail


settings = Settings()
app = FastAPI(title=settings.title)


@app.get("/health")
def health() -> dict[str, int]:
    return {"port": settings.mail.port}
