"""All settings of the service, each defined once, with its environment name and meaning.

A value comes from the environment variable named by its alias. A secret may come from a file instead:
``DATABASE_URL_FILE=/run/secrets/database-url`` is read if ``DATABASE_URL`` is not set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from todo_api.db.urls import first_label, url_password, with_driver, without_pooler

LOOPBACK_HOSTS = ("127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*", "[::1]", "[::1]:*")
ASYMMETRIC_ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", "PS256", "RS256")
# Not tempfile's choice, which fails without a writable folder: production needs none.
DEFAULT_DATA_DIR = Path(os.environ.get("TMPDIR") or "/tmp") / "todo-chatbot-api"  # noqa: S108


class SecretFileError(ValueError):
    """A ``*_FILE`` variable that cannot be used; the text is one line for the operator."""


def split_list(value: object) -> object:
    """Parse a list from a JSON array or from comma-separated text."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError("is not a JSON list") from error
    return [part.strip() for part in text.split(",") if part.strip()]


TextList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]


def setting(name: str, default: Any, description: str, *, example: object = None, **options: Any) -> Any:
    """Declare one setting.

    Args:
        default: Value when the variable is unset or empty.
        description: Meaning, with its unit.
        example: A legal value, for error messages and documentation.
        options: Limits for pydantic's ``Field``.
    """
    examples = None if example is None else [example]
    return Field(default, validation_alias=name, description=description, examples=examples, **options)


class Settings(BaseSettings):
    """Settings of one process, read once at start."""

    model_config = SettingsConfigDict(
        case_sensitive=True,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    environment: Literal["development", "production"] = setting(
        "ENVIRONMENT",
        "development",
        "`production` refuses SQLite, development tokens and missing authentication settings.",
        example="production",
    )
    public_url: str | None = setting(
        "PUBLIC_URL",
        None,
        "Address under which clients reach this service; names the MCP resource and allows its host. "
        "Unset: taken from each request.",
        example="https://todo.example.com",
        pattern=r"^[hH][tT][tT][pP][sS]?://[^/\s]+(/[^\s]*)?$",
    )

    database_url: SecretStr | None = setting(
        "DATABASE_URL",
        None,
        "PostgreSQL URL, used unchanged as Neon shows it, or `sqlite:///` and a path. "
        "Unset: an SQLite file in DATA_DIR.",
        example="postgresql://todo:password@db.example.com/todo?sslmode=require",
    )
    database_direct_url: SecretStr | None = setting(
        "DATABASE_DIRECT_URL",
        None,
        "URL for migrations, past any pooler. Unset: DATABASE_URL without the `-pooler` of a Neon host.",
        example="postgresql://todo:password@db.example.com/todo?sslmode=require",
    )
    database_pooler: Literal["auto", "on", "off"] = setting(
        "DATABASE_POOLER",
        "auto",
        "Whether DATABASE_URL leads to a pooler in transaction mode, where prepared statements are left out. "
        "`auto`: on when the host's first label ends in `-pooler`.",
        example="on",
    )
    database_pool_size: int = setting(
        "DATABASE_POOL_SIZE",
        5,
        "Connections kept open by each worker, besides one for readiness.",
        example=5,
        ge=1,
        le=100,
    )
    database_max_overflow: int = setting(
        "DATABASE_MAX_OVERFLOW",
        5,
        "Further connections under load, by each worker.",
        example=5,
        ge=0,
        le=100,
    )
    database_connect_timeout: int = setting(
        "DATABASE_CONNECT_TIMEOUT",
        10,
        "Seconds for one connection attempt.",
        example=10,
        ge=1,
        le=60,
    )
    database_timeout: float = setting(
        "DATABASE_TIMEOUT",
        15.0,
        "Seconds for one unit of database work, waiting for a connection included; then the answer is 503.",
        example=15,
        gt=0,
        le=300,
    )
    data_dir: Path = setting(
        "DATA_DIR",
        DEFAULT_DATA_DIR,
        "Folder for the embedded database, the development key and metric files; made when missing.",
        example="/data",
    )

    better_auth_url: str | None = setting(
        "BETTER_AUTH_URL",
        None,
        "Public base URL of the Better Auth server; issuer, audience and JWKS address follow from it.",
        example="https://app.example.com",
        pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
    )
    better_auth_jwks_url: str | None = setting(
        "BETTER_AUTH_JWKS_URL",
        None,
        "Where the public keys are, for instance inside the cluster. Unset: BETTER_AUTH_URL/api/auth/jwks.",
        example="http://web.default.svc:3000/api/auth/jwks",
        pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
    )
    better_auth_issuer: str | None = setting(
        "BETTER_AUTH_ISSUER",
        None,
        "Value that a token's `iss` must have. Unset: BETTER_AUTH_URL.",
        example="https://app.example.com",
    )
    better_auth_audience: str | None = setting(
        "BETTER_AUTH_AUDIENCE",
        None,
        "Value that a token's `aud` must contain. Unset: the issuer.",
        example="https://app.example.com",
    )
    better_auth_mcp_issuer: str | None = setting(
        "BETTER_AUTH_MCP_ISSUER",
        None,
        "Authorization server that /mcp names to MCP clients, and `iss` of its tokens. Unset: "
        "BETTER_AUTH_ISSUER, else BETTER_AUTH_URL/api/auth, as Better Auth's MCP plug-in has it.",
        example="https://app.example.com/api/auth",
        pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
    )
    auth_algorithms: TextList = setting(
        "AUTH_ALGORITHMS",
        ASYMMETRIC_ALGORITHMS,
        "Signature algorithms that are accepted; only asymmetric ones can be named.",
        example="EdDSA,ES256",
        min_length=1,
    )
    auth_leeway: int = setting(
        "AUTH_LEEWAY_SECONDS",
        30,
        "Seconds of clock difference that are forgiven.",
        example=30,
        ge=0,
        le=300,
    )
    auth_jwks_fresh: float = setting(
        "AUTH_JWKS_FRESH_SECONDS",
        300.0,
        "Seconds after which the keys are fetched again.",
        example=300,
        ge=1,
    )
    auth_jwks_stale: float = setting(
        "AUTH_JWKS_STALE_SECONDS",
        3600.0,
        "Further seconds for which known keys serve while the JWKS address does not answer.",
        example=3600,
        ge=0,
    )
    auth_jwks_cooldown: float = setting(
        "AUTH_JWKS_COOLDOWN_SECONDS",
        1.0,
        "Least number of seconds between two fetches caused by unknown key ids, which wait for the next one.",
        example=1,
        ge=0,
    )
    auth_jwks_timeout: float = setting(
        "AUTH_JWKS_TIMEOUT_SECONDS",
        5.0,
        "Seconds for one fetch of the keys.",
        example=5,
        gt=0,
        le=60,
    )

    openai_api_key: SecretStr | None = setting(
        "OPENAI_API_KEY",
        None,
        "Key of the model's endpoint. Unset: chat answers 503.",
        example="your-key",
    )
    openai_base_url: str = setting(
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
        "Any endpoint that speaks OpenAI's chat completions.",
        example="http://ollama:11434/v1",
        pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
    )
    openai_model: str = setting(
        "OPENAI_MODEL",
        "gpt-4.1-mini",
        "Model name.",
        example="gpt-4.1-mini",
    )
    openai_max_retries: int = setting(
        "OPENAI_MAX_RETRIES",
        2,
        "Retries of one model call after 429, 5xx or a lost connection.",
        example=2,
        ge=0,
        le=10,
    )
    openai_timeout: float = setting(
        "OPENAI_TIMEOUT_SECONDS",
        60.0,
        "Seconds for one model call, or between two pieces of a stream.",
        example=60,
        gt=0,
    )
    openai_max_answer_bytes: int = setting(
        "OPENAI_MAX_ANSWER_BYTES",
        4_194_304,
        "Bytes that the model's endpoint may send in one call; more ends the turn.",
        example=4_194_304,
        ge=65_536,
    )
    openai_tracing: bool = setting(
        "OPENAI_AGENTS_TRACING",
        False,
        "Whether agent runs are traced to OpenAI's platform.",
        example=False,
    )
    chat_preload: bool | None = setting(
        "CHAT_PRELOAD",
        None,
        "When the agent is loaded; until then each worker saves some 30 MB. Unset: in the background, after "
        "the first request of a signed-in user to the API. On: in the background, as soon as the service is "
        "ready. Off: at the first chat, whose answer then takes a second or two longer.",
        example=False,
    )
    chat_turn_timeout: float = setting(
        "CHAT_TURN_TIMEOUT_SECONDS",
        120.0,
        "Seconds for one chat turn with all its tool calls.",
        example=120,
        gt=0,
        le=900,
    )
    chat_queue_timeout: float = setting(
        "CHAT_QUEUE_SECONDS",
        30.0,
        "Seconds that a message waits for the turn before it in its conversation; then the answer is 409.",
        example=30,
        ge=0,
    )
    chat_max_turns: int = setting(
        "CHAT_MAX_TURNS",
        10,
        "Model calls in one chat turn.",
        example=10,
        ge=1,
        le=100,
    )
    chat_max_tool_calls: int = setting(
        "CHAT_MAX_TOOL_CALLS",
        50,
        "Tool calls in one chat turn.",
        example=50,
        ge=1,
        le=1000,
    )
    chat_max_tokens: int = setting(
        "CHAT_MAX_TOKENS",
        1024,
        "Tokens that the model may write in one call.",
        example=1024,
        ge=16,
    )
    chat_history: int = setting(
        "CHAT_HISTORY_MESSAGES",
        20,
        "Newest messages of the conversation that the model sees.",
        example=20,
        ge=0,
        le=200,
    )
    chat_shutdown_grace: float = setting(
        "CHAT_SHUTDOWN_SECONDS",
        5.0,
        "Seconds at shutdown for turns whose client has left; then they end with what they have.",
        example=5,
        ge=0,
    )

    mcp_allowed_hosts: TextList = setting(
        "MCP_ALLOWED_HOSTS",
        (),
        "Further `Host` values accepted at /mcp (`name`, `name:port` or `name:*`), for instance the "
        "Kubernetes service. Loopback and PUBLIC_URL's host always are.",
        example="todo-api,todo-api.default.svc:*",
    )
    mcp_allowed_origins: TextList = setting(
        "MCP_ALLOWED_ORIGINS",
        (),
        "`Origin` values accepted at /mcp besides CORS_ORIGINS and PUBLIC_URL.",
        example="https://inspector.example.com",
    )

    cors_origins: TextList = setting(
        "CORS_ORIGINS",
        (),
        "Origins whose pages may call the API: a JSON list or comma-separated.",
        example="https://app.example.com",
    )
    cors_credentials: bool = setting(
        "CORS_CREDENTIALS",
        False,
        "Whether those pages may send cookies; not with `*`.",
        example=False,
    )
    max_body_bytes: int = setting(
        "MAX_BODY_BYTES",
        65536,
        "Largest request body in bytes; more is answered with 413.",
        example=65536,
        ge=1024,
    )
    require_if_match: bool = setting(
        "REQUIRE_IF_MATCH",
        False,
        "Whether changing or deleting a task needs `If-Match`; without it the answer is 428.",
        example=False,
    )
    rate_limit: int = setting(
        "RATE_LIMIT_PER_MINUTE",
        600,
        "Requests a minute for each user, counted by each worker; 0 turns the limit off.",
        example=600,
        ge=0,
    )
    chat_rate_limit: int = setting(
        "CHAT_RATE_LIMIT_PER_MINUTE",
        30,
        "Chat turns a minute for each user, counted by each worker; 0 turns the limit off.",
        example=30,
        ge=0,
    )
    docs: bool | None = setting(
        "DOCS",
        None,
        "Whether /docs and /openapi.json are served. Unset: only outside of production.",
        example=True,
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "LOG_LEVEL",
        "INFO",
        "Least severity that is logged.",
        example="INFO",
    )
    log_format: Literal["auto", "json", "text"] = setting(
        "LOG_FORMAT",
        "auto",
        "`auto`: text on a terminal, else one JSON object a line.",
        example="json",
    )
    metrics_token: SecretStr | None = setting(
        "METRICS_TOKEN",
        None,
        "Bearer token that /metrics asks for, through proxies as well. Unset: direct callers need none, and "
        "behind a proxy the path does not exist.",
        example="a-long-random-text",
        min_length=16,
    )
    workers: int = setting(
        "WEB_CONCURRENCY",
        1,
        "Worker processes that the start script asks uvicorn for.",
        example=2,
        ge=1,
        le=1024,
    )
    ready_timeout: float = setting(
        "READY_TIMEOUT_SECONDS",
        2.0,
        "Seconds for the database to answer the readiness probe.",
        example=2,
        gt=0,
        le=30,
    )
    drain_seconds: float = setting(
        "SHUTDOWN_DRAIN_SECONDS",
        1.0,
        "Seconds between SIGTERM, when readiness turns 503, and the moment new connections are refused.",
        example=5,
        ge=0,
        le=60,
    )

    @field_validator("public_url")
    @classmethod
    def _as_clients_write_it(cls, url: str | None) -> str | None:
        """Write scheme and host in lower case, as browsers do in `Host` and `Origin`."""
        if url is None:
            return None
        parts = urlsplit(url)
        return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then ``*_FILE`` variables."""
        return (init_settings, env_settings, SecretFiles(settings_cls))

    @property
    def is_production(self) -> bool:
        """Whether production's refusals apply."""
        return self.environment == "production"

    @property
    def serves_docs(self) -> bool:
        """Whether /docs and /openapi.json are served."""
        return not self.is_production if self.docs is None else self.docs

    @property
    def database_dsn(self) -> str:
        """URL for SQLAlchemy's async engine."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.data_dir / 'todo.db'}"
        return with_driver(self.database_url.get_secret_value())

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is in use."""
        return self.database_dsn.startswith("sqlite")

    @property
    def needs_data_dir(self) -> bool:
        """Whether files are written into DATA_DIR: a database, a key, or metrics shared by workers."""
        return (self.is_sqlite and self.database_url is None) or self.development_tokens or self.workers > 1

    @property
    def is_pooled(self) -> bool:
        """Whether connections go through a pooler in transaction mode."""
        if self.database_pooler == "auto":
            return first_label(self.database_dsn).endswith("-pooler")
        return self.database_pooler == "on"

    @property
    def migration_dsn(self) -> str:
        """URL for migrations: the direct host if a pooler is configured."""
        if self.database_direct_url is not None:
            return with_driver(self.database_direct_url.get_secret_value())
        return without_pooler(self.database_dsn)

    @property
    def issuer(self) -> str | None:
        """Expected ``iss`` of tokens."""
        return self.better_auth_issuer or (self.better_auth_url or "").rstrip("/") or None

    @property
    def issuers(self) -> tuple[str, ...]:
        """Accepted values of ``iss``: a base URL that ends in a slash is accepted in that form too."""
        if self.issuer is None or self.better_auth_issuer or self.better_auth_url in (None, self.issuer):
            return (self.issuer,) if self.issuer else ()
        return (self.issuer, f"{self.issuer}/")

    @property
    def audiences(self) -> tuple[str, ...]:
        """Accepted values of ``aud``; a token must contain one."""
        return (self.better_auth_audience,) if self.better_auth_audience else self.issuers

    @property
    def jwks_url(self) -> str | None:
        """Address of the public keys."""
        if self.better_auth_jwks_url is not None:
            return self.better_auth_jwks_url
        return f"{self.better_auth_url.rstrip('/')}/api/auth/jwks" if self.better_auth_url else None

    @property
    def auth_configured(self) -> bool:
        """Whether an issuer of tokens is configured; without one only development tokens exist."""
        return self.jwks_url is not None and self.issuer is not None

    @property
    def development_tokens(self) -> bool:
        """Whether ``dev-token`` makes tokens that this process accepts."""
        return not self.is_production and not (self.jwks_url or self.issuer)

    @property
    def mcp_resource(self) -> str | None:
        """Identifier of the MCP resource (RFC 8707), for which tokens may be issued.

        None without PUBLIC_URL: a request's `Host` does not prove the service's address.
        """
        return f"{self.public_url.rstrip('/')}/mcp" if self.public_url else None

    @property
    def mcp_issuer(self) -> str | None:
        """Issuer of the MCP resource's tokens: its authorization server."""
        base = f"{self.better_auth_url.rstrip('/')}/api/auth" if self.better_auth_url else None
        return self.better_auth_mcp_issuer or self.better_auth_issuer or base

    @property
    def mcp_hosts(self) -> tuple[str, ...]:
        """``Host`` values accepted at /mcp."""
        public = (urlsplit(self.public_url).netloc,) if self.public_url else ()
        return (*LOOPBACK_HOSTS, *public, *self.mcp_allowed_hosts)

    @property
    def mcp_origins(self) -> tuple[str, ...]:
        """``Origin`` values accepted at /mcp."""
        public = tuple(f"{u.scheme}://{u.netloc}" for u in (urlsplit(self.public_url or ""),) if u.netloc)
        return (*public, *self.cors_origins, *self.mcp_allowed_origins)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never appear in a log."""
        urls = [url.get_secret_value() for url in (self.database_url, self.database_direct_url) if url]
        encoded = [password for url in urls if (password := url_password(url))]
        passwords = {*encoded, *map(unquote, encoded)}
        keys = [key.get_secret_value() for key in (self.openai_api_key, self.metrics_token) if key]
        return tuple(value for value in (*urls, *passwords, *keys) if len(value) >= 4)


class SecretFiles(PydanticBaseSettingsSource):
    """Settings source for ``*_FILE`` variables."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused part of the base class's interface: all values are read together."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values by alias; `get_settings` and the check report unreadable files."""
        return dict(read_secret_files(os.environ)[0])


def secret_fields() -> dict[str, str]:
    """Return the environment names of values that may come from a file, by field name."""
    return {
        name: str(field.validation_alias)
        for name, field in Settings.model_fields.items()
        if SecretStr in get_args(field.annotation)
    }


def secret_names() -> tuple[str, ...]:
    """Return the environment names of values that may come from a file."""
    return tuple(secret_fields().values())


def read_secret_files(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read every ``*_FILE`` variable: values by environment name, and a line for each unusable variable."""
    values: dict[str, str] = {}
    faults: list[str] = []
    for name in secret_names():
        path = environ.get(f"{name}_FILE")
        if not path:
            continue
        if environ.get(name):
            faults.append(f"{name}: set together with {name}_FILE; keep one of the two")
            continue
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
            faults.append(f"{name}_FILE: {path!r} cannot be read ({reason}); name a readable file")
            continue
        if not value:
            faults.append(f"{name}_FILE: {path!r} is empty; write the value into it")
            continue
        values[name] = value
    return values, faults


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read this process's settings once.

    Raises SecretFileError for a ``*_FILE`` variable, and pydantic.ValidationError for a refused value.
    """
    faults = read_secret_files(os.environ)[1]
    if faults:
        raise SecretFileError("; ".join(faults))
    return Settings()
