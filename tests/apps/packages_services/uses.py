"""One use of each package, with one assertion; the package is imported at the first request."""

import asyncio
import os
from datetime import datetime
from pathlib import Path

USES = {}
SECRET = "0123456789abcdef0123456789abcdef"


def use(function):
    USES[function.__name__] = function
    return function


def raised(kind, call):
    """Return whether a call, or the coroutine that it returns, raises this kind of error."""
    try:
        if asyncio.iscoroutine(made := call()):
            asyncio.run(made)
    except kind:
        return True
    return False


@use
def celery():
    from celery import Celery

    tasks = Celery("tasks", broker="memory://", backend="cache+memory://")
    tasks.conf.task_always_eager = True

    @tasks.task
    def double(number):
        return 2 * number

    assert double.delay(21).get() == 42


@use
def apscheduler():
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(timezone="Europe/Berlin")
    scheduler.start()
    job = scheduler.add_job(print, "cron", hour=3)
    scheduler.shutdown()
    assert job.next_run_time.hour == 3


@use
def dramatiq():
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()
    dramatiq.set_broker(broker)
    assert dramatiq.actor(actor_name="double", broker=broker)(lambda number: 2 * number).send(21).args == (21,)


@use
def rq():
    import redis
    from rq import Queue

    assert raised(redis.ConnectionError, lambda: Queue(connection=redis.Redis(port=9, retry=None)).enqueue("time.time"))


@use
def arq():
    from arq.cron import next_cron

    assert next_cron(datetime(2024, 3, 30, 12), hour=3).day == 31


@use
def grpcio():
    import grpc

    with grpc.insecure_channel("127.0.0.1:9") as channel:
        call = channel.unary_unary("/a/B")
        assert raised(grpc.RpcError, lambda: call(b"", timeout=0.5))


@use
def protobuf():
    from google.protobuf import json_format, timestamp_pb2

    moment = timestamp_pb2.Timestamp(seconds=1)
    assert json_format.MessageToJson(moment) == '"1970-01-01T00:00:01Z"'


@use
def opentelemetry():
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider, app = InMemorySpanExporter(), TracerProvider(), FastAPI()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    TestClient(app).get("/openapi.json")
    assert "GET /openapi.json" in [span.name for span in spans.get_finished_spans()]


@use
def opentelemetry_exporter_otlp():
    from opentelemetry.util._importlib_metadata import entry_points

    found = entry_points(group="opentelemetry_traces_exporter")
    assert {"otlp_proto_grpc", "otlp_proto_http"} <= {point.name for point in found if point.load()}


@use
def sentry_sdk():
    import sentry_sdk

    sent = []
    sentry_sdk.init(
        "http://a@127.0.0.1:9/1",
        before_send=lambda event, hint: sent.append(event),
        # It imports every package that it knows, which takes many seconds.
        auto_enabling_integrations=False,
        send_client_reports=False,
    )
    sentry_sdk.capture_exception(ValueError("one"))
    assert sent[0]["exception"]["values"][0]["type"] == "ValueError"


@use
def ddtrace():
    from ddtrace.trace import tracer

    tracer.enabled = False
    with tracer.trace("one", service="two") as span:
        assert span.service == "two"


@use
def newrelic():
    import newrelic.agent

    newrelic.agent.initialize(str(Path(__file__).with_name("newrelic.ini")))
    assert newrelic.agent.global_settings().app_name == "uses"


@use
def prometheus_client():
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("asked", "Times", registry=registry).inc()
    prometheus_client.ProcessCollector(registry=registry)
    assert b"process_resident_memory_bytes" in prometheus_client.generate_latest(registry)


@use
def prometheus_fastapi_instrumentator():
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from prometheus_client import CollectorRegistry
    from prometheus_fastapi_instrumentator import Instrumentator

    app = FastAPI()
    Instrumentator(registry=CollectorRegistry()).instrument(app).expose(app)
    assert "http_requests" in TestClient(app).get("/metrics").text


@use
def structlog():
    import structlog

    with structlog.testing.capture_logs() as lines:
        structlog.get_logger().info("one", number=2)
    assert lines == [{"event": "one", "number": 2, "log_level": "info"}]


@use
def loguru():
    from loguru import logger

    lines = []
    sink = logger.add(lines.append, format="{function} {message}", backtrace=True, diagnose=True)
    try:
        raise ValueError(6 * 7)
    except ValueError:
        logger.exception("one")
    logger.remove(sink)
    # Diagnosis shows the line of source that failed.
    assert "raise ValueError(6 * 7)" in lines[0]


@use
def httpx():
    import httpx

    async def get():
        async with httpx.AsyncClient(http2=False) as client:
            await client.get("https://127.0.0.1:9")

    assert raised(httpx.ConnectError, get)


@use
def aiohttp():
    import aiohttp

    async def get():
        async with aiohttp.ClientSession() as client:
            await client.get("http://127.0.0.1:9")

    assert raised(aiohttp.ClientConnectorError, get)


@use
def requests():
    import requests

    assert raised(requests.ConnectionError, lambda: requests.get("https://127.0.0.1:9", timeout=1))


@use
def websockets():
    import websockets

    async def echo():
        async with websockets.serve(lambda socket: socket.send("one"), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with websockets.connect(f"ws://127.0.0.1:{port}") as socket:
                return await socket.recv()

    assert asyncio.run(echo()) == "one"


@use
def python_socketio():
    import socketio

    assert socketio.AsyncServer(async_mode="asgi").eio.async_mode == "asgi"


@use
def strawberry():
    import strawberry

    @strawberry.type
    class Query:
        number: int = 42

    assert strawberry.Schema(Query).execute_sync("{ number }", root_value=Query()).data == {"number": 42}


@use
def pydantic_settings():
    from pydantic_settings import BaseSettings

    class Settings(BaseSettings, env_prefix="USES_"):
        number: int = 0

    os.environ["USES_NUMBER"] = "42"
    assert Settings().number == 42


@use
def pyjwt():
    import jwt

    assert jwt.decode(jwt.encode({"sub": "a"}, SECRET, "HS256"), SECRET, ["HS256"]) == {"sub": "a"}


@use
def python_jose():
    from jose import jwt

    assert jwt.decode(jwt.encode({"sub": "a"}, SECRET), SECRET) == {"sub": "a"}


@use
def authlib():
    from authlib.integrations.starlette_client import OAuth

    client = OAuth().register("a", client_id="b", authorize_url="https://example.com/login")
    assert "client_id=b" in asyncio.run(client.create_authorization_url("https://example.com"))["url"]


@use
def passlib():
    from passlib.hash import pbkdf2_sha256, sha512_crypt

    # Since 3.13 Python has no crypt(), and passlib's own takes a second for its 656,000 rounds.
    kinds = [kind.using(rounds=1000) for kind in (pbkdf2_sha256, sha512_crypt)]
    assert all(kind.verify("a", kind.hash("a")) for kind in kinds)


@use
def bcrypt():
    import bcrypt

    assert bcrypt.checkpw(b"a", bcrypt.hashpw(b"a", bcrypt.gensalt(4)))


@use
def argon2():
    import argon2

    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    assert hasher.verify(hasher.hash("a"), "a")


@use
def cryptography():
    from cryptography.fernet import Fernet

    box = Fernet(Fernet.generate_key())
    assert box.decrypt(box.encrypt(b"a")) == b"a"


@use
def pynacl():
    from nacl import secret, utils

    box = secret.SecretBox(utils.random(32))
    assert box.decrypt(box.encrypt(b"a")) == b"a"


@use
def pyotp():
    import pyotp

    code = pyotp.TOTP(pyotp.random_base32())
    assert code.verify(code.now(), valid_window=1)


@use
def itsdangerous():
    import itsdangerous

    signer = itsdangerous.URLSafeTimedSerializer(SECRET)
    assert signer.loads(signer.dumps([1]), max_age=60) == [1]


@use
def email_validator():
    import email_validator

    assert email_validator.validate_email("a@bücher.de", check_deliverability=False).ascii_domain == "xn--bcher-kva.de"


@use
def slowapi():
    from limits import parse
    from slowapi import Limiter
    from slowapi.util import get_remote_address

    limits = Limiter(get_remote_address, storage_uri="memory://").limiter
    assert [limits.hit(parse("1/minute"), "a") for _ in range(2)] == [True, False]


@use
def tenacity():
    import tenacity

    attempts = iter([0, 0, 42])
    again = tenacity.Retrying(retry=tenacity.retry_if_result(lambda number: not number))
    assert again(lambda: next(attempts)) == 42


@use
def uvloop():
    import uvloop

    async def name():
        return type(asyncio.get_running_loop()).__module__

    assert uvloop.run(name()) == "uvloop"


@use
def gevent():
    import gevent

    assert [task.get() for task in [gevent.spawn(lambda: gevent.sleep(0) or 42)]] == [42]


@use
def pyzmq():
    import zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as two:
        two.connect(f"tcp://127.0.0.1:{one.bind_to_random_port('tcp://127.0.0.1')}")
        one.send(b"a")
        assert two.recv() == b"a"


@use
def psutil():
    import psutil

    assert psutil.Process().memory_info().rss > 0


@use
def stripe():
    import stripe

    stripe.max_network_retries = 0
    client = stripe.StripeClient("sk_test_a", base_addresses={"api": "http://127.0.0.1:9"})
    assert raised(stripe.APIConnectionError, lambda: client.v1.customers.list())


@use
def openai():
    import openai

    client = openai.OpenAI(api_key="a", base_url="http://127.0.0.1:9", max_retries=0)
    assert raised(openai.APIConnectionError, client.models.list)


@use
def anthropic():
    import anthropic

    client = anthropic.Anthropic(api_key="a", base_url="http://127.0.0.1:9", max_retries=0)
    assert raised(anthropic.APIConnectionError, client.models.list)


@use
def langchain_core():
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda

    chain = ChatPromptTemplate([("human", "{a}")]) | RunnableLambda(lambda value: value.messages[0].content)
    assert chain.invoke({"a": "one"}) == "one"


@use
def mcp():
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("a")
    server.tool(name="double")(lambda number: 2 * number)
    assert [tool.name for tool in asyncio.run(server.list_tools())] == ["double"]


@use
def paramiko():
    import paramiko

    client = paramiko.SSHClient()
    assert raised(paramiko.ssh_exception.NoValidConnectionsError, lambda: client.connect("127.0.0.1", 9))


@use
def docker():
    import docker

    assert raised(docker.errors.DockerException, lambda: docker.DockerClient("tcp://127.0.0.1:9"))


@use
def kubernetes():
    from kubernetes import client, config

    assert raised(config.ConfigException, config.load_incluster_config) and client.V1Pod().to_dict()["kind"] is None


@use
def geoip2():
    import geoip2.database

    assert raised(FileNotFoundError, lambda: geoip2.database.Reader("/tmp/none.mmdb"))


@use
def faker():
    from faker import Faker

    made = Faker("de_DE")
    made.seed_instance(1)
    assert made.name() and made.iban().startswith("DE")


@use
def typer():
    import typer
    from typer.testing import CliRunner

    program = typer.Typer()
    program.command()(lambda number: typer.echo(number))
    assert "Usage" in CliRunner().invoke(program, ["--help"]).output


@use
def dnspython():
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], 9
    assert raised(dns.exception.DNSException, lambda: resolver.resolve("example.com", lifetime=0.3))
