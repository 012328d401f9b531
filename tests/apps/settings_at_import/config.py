import os

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=".env")

    database_url: str
    api_token: SecretStr
    region: str = Field(validation_alias="AWS_REGION")
    title: str = "Shop"
    token_lifetime: int = 3600


settings = Settings()
LEVEL = os.environ["LOG_LEVEL"]
WORKERS = os.getenv("WORKERS", "2")
