"""One use of each package, with one assertion; the package is imported at the first request.

No server is needed: a driver must refuse a closed port with its own error, or read an address.
"""

import asyncio
import tempfile

USES = {}
CLOSED = {"host": "127.0.0.1", "port": 9}


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
def psycopg():
    import psycopg

    assert raised(psycopg.OperationalError, lambda: psycopg.connect("postgresql://a:b@127.0.0.1:9/c"))


@use
def psycopg2():
    import psycopg2

    assert raised(psycopg2.OperationalError, lambda: psycopg2.connect("postgresql://a:b@127.0.0.1:9/c"))


@use
def asyncpg():
    import asyncpg

    assert raised(ConnectionRefusedError, lambda: asyncpg.connect(**CLOSED, user="a", password="b", ssl="prefer"))


@use
def mysqlclient():
    import MySQLdb

    assert raised(MySQLdb.OperationalError, lambda: MySQLdb.connect(**CLOSED, user="a", password="b"))


@use
def pymysql():
    import pymysql

    assert raised(pymysql.err.OperationalError, lambda: pymysql.connect(**CLOSED, user="a", password="b"))


@use
def aiomysql():
    import aiomysql
    import pymysql

    async def connect():
        await aiomysql.connect(**CLOSED, user="a", password="b")

    assert raised(pymysql.err.OperationalError, connect)


@use
def redis():
    import redis

    assert raised(redis.ConnectionError, redis.from_url("rediss://127.0.0.1:9/0", retry=None).ping)


@use
def hiredis():
    import hiredis

    reader = hiredis.Reader()
    reader.feed(b"*2\r\n:1\r\n+OK\r\n")
    assert reader.gets() == [1, b"OK"]


@use
def sqlalchemy():
    from sqlalchemy import create_engine, text

    with create_engine("sqlite://").connect() as connection:
        assert connection.execute(text("select 6 * 7")).scalar_one() == 42


@use
def alembic():
    from alembic import command
    from alembic.config import Config

    folder = tempfile.mkdtemp()
    command.init(Config(f"{folder}/alembic.ini"), f"{folder}/migrations", template="async")
    assert "async_engine_from_config" in open(f"{folder}/migrations/env.py").read()


@use
def sqlmodel():
    from sqlmodel import Field, Session, SQLModel, create_engine, select

    class Note(SQLModel, table=True):
        __table_args__ = {"extend_existing": True}
        id: int | None = Field(default=None, primary_key=True)
        text: str

    engine = create_engine("sqlite://")
    Note.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Note(text="one"))
        assert session.exec(select(Note.text)).all() == ["one"]


@use
def peewee():
    import peewee

    class Note(peewee.Model):
        text = peewee.TextField()

    database = peewee.SqliteDatabase(":memory:")
    with database.bind_ctx([Note]):
        Note.create_table()
        Note.create(text="one")
        assert Note.get().text == "one"


@use
def tortoise_orm():
    import sys
    import types

    from tortoise import Tortoise, fields, models

    class Note(models.Model):
        text = fields.TextField()

    async def count():
        sys.modules["notes"] = types.ModuleType("notes")
        sys.modules["notes"].Note = Note
        await Tortoise.init(db_url="sqlite://:memory:", modules={"notes": ["notes"]})
        await Tortoise.generate_schemas()
        await Note.create(text="one")
        try:
            return await Note.all().count()
        finally:
            await Tortoise.close_connections()

    assert asyncio.run(count()) == 1


@use
def aiosqlite():
    import aiosqlite

    async def answer():
        async with aiosqlite.connect(":memory:") as connection, connection.execute("select 42") as rows:
            return await rows.fetchone()

    assert asyncio.run(answer()) == (42,)


@use
def pymongo():
    import pymongo

    client = pymongo.MongoClient("mongodb://127.0.0.1:9", serverSelectionTimeoutMS=50)
    assert raised(pymongo.errors.ServerSelectionTimeoutError, lambda: client.admin.command("ping"))


@use
def beanie():
    from beanie import Document
    from beanie.exceptions import CollectionWasNotInitialized

    class Note(Document):
        text: str

    assert raised(CollectionWasNotInitialized, lambda: Note(text="one"))


@use
def elasticsearch():
    from elasticsearch import ConnectionError, Elasticsearch

    assert raised(ConnectionError, Elasticsearch("http://127.0.0.1:9", max_retries=0).info)


@use
def opensearch():
    from opensearchpy import ConnectionError, OpenSearch

    assert raised(ConnectionError, OpenSearch("http://127.0.0.1:9", max_retries=0).info)


@use
def neo4j():
    from neo4j import GraphDatabase
    from neo4j.exceptions import ServiceUnavailable

    with GraphDatabase.driver("bolt://127.0.0.1:9", auth=("a", "b")) as driver:
        assert raised(ServiceUnavailable, driver.verify_connectivity)


@use
def boto3():
    import boto3

    client = boto3.client("s3", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    assert "Signature=" in client.generate_presigned_url("get_object", {"Bucket": "c", "Key": "d"})


@use
def aioboto3():
    import aioboto3
    from botocore.exceptions import EndpointConnectionError

    async def buckets():
        session = aioboto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-central-1")
        async with session.resource("s3", endpoint_url="http://127.0.0.1:9") as s3:
            await s3.create_bucket(Bucket="c")

    assert raised(EndpointConnectionError, buckets)


@use
def minio():
    from minio import Minio

    client = Minio("127.0.0.1:9", "a", "b", secure=False, region="here")
    assert client.presigned_get_object("bucket", "key").startswith("http://127.0.0.1:9/bucket/key?X-Amz")


@use
def azure_storage_blob():
    from azure.storage.blob import BlobServiceClient

    text = "AccountName=a;AccountKey=Yg==;BlobEndpoint=http://127.0.0.1:9/a"
    assert BlobServiceClient.from_connection_string(text).get_blob_client("c", "d").blob_name == "d"


@use
def google_cloud_storage():
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    blob = storage.Client("p", AnonymousCredentials()).bucket("b").blob("c d")
    assert blob.path == "/b/b/o/c%20d"


@use
def pymssql():
    import pymssql

    assert raised(pymssql.OperationalError, lambda: pymssql.connect("127.0.0.1", "a", "b", port="9", login_timeout=1))


@use
def oracledb():
    import oracledb

    assert raised(
        oracledb.OperationalError, lambda: oracledb.connect(user="a", password="b", dsn="127.0.0.1:9/c")
    )


@use
def clickhouse_connect():
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import OperationalError

    assert raised(OperationalError, lambda: clickhouse_connect.get_client(**CLOSED))


@use
def qdrant_client():
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection("a", models.VectorParams(size=2, distance=models.Distance.COSINE))
    client.upsert("a", [models.PointStruct(id=1, vector=[0.1, 0.2]), models.PointStruct(id=2, vector=[0.9, 0.1])])
    assert client.query_points("a", [1.0, 0.1], limit=1).points[0].id == 2


@use
def pymemcache():
    from pymemcache.client.base import Client

    assert raised(ConnectionRefusedError, lambda: Client(("127.0.0.1", 9)).get("a"))


@use
def cachetools():
    import cachetools

    cache = cachetools.LRUCache(1)
    cache.update(a=1)
    cache.update(b=2)
    assert dict(cache) == {"b": 2}


@use
def diskcache():
    import diskcache

    with diskcache.Cache("/tmp/cache") as cache:
        cache.set("a", [1])
        assert cache["a"] == [1]


@use
def lmdb():
    import lmdb

    with lmdb.open("/tmp/lmdb") as environment, environment.begin(write=True) as transaction:
        transaction.put(b"a", b"1")
        assert transaction.get(b"a") == b"1"


@use
def tinydb():
    from tinydb import TinyDB, where

    with TinyDB("/tmp/tiny.json") as database:
        database.insert({"a": 1})
        assert database.search(where("a") == 1)


@use
def fakeredis():
    import fakeredis

    store = fakeredis.FakeRedis(version=7)
    store.zadd("a", {"b": 1, "c": 2})
    assert store.zrange("a", 0, -1) == [b"b", b"c"]


@use
def aiokafka():
    import aiokafka

    async def start():
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers="127.0.0.1:9", compression_type="gzip")
        try:
            await producer.start()
        finally:
            await producer.stop()

    assert raised(aiokafka.errors.KafkaConnectionError, start)


@use
def confluent_kafka():
    from confluent_kafka import KafkaException, admin

    client = admin.AdminClient({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    assert raised(KafkaException, lambda: client.list_topics(timeout=0.2))


@use
def aio_pika():
    import aio_pika

    assert raised(aio_pika.exceptions.AMQPConnectionError, lambda: aio_pika.connect("amqp://127.0.0.1:9/"))


@use
def paho_mqtt():
    from paho.mqtt import client

    assert raised(ConnectionRefusedError, lambda: client.Client(client.CallbackAPIVersion.VERSION2).connect(**CLOSED))


@use
def fsspec():
    import fsspec

    with fsspec.open("memory://a.txt.gz", "wt", compression="infer") as file:
        file.write("one")
    assert fsspec.open("memory://a.txt.gz", "rt", compression="infer").open().read() == "one"
