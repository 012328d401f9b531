"""Tokens and the keys that prove them."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from tests.conftest import MakeSettings
from tests.fakes import Issuer, new_key, public_jwk
from todo_api.auth.development import DevelopmentTokensOff, key_path, make_token
from todo_api.auth.keys import JwksKeys, parse_jwks
from todo_api.auth.source import KeysUnavailable, UnknownKey
from todo_api.auth.tokens import InvalidToken, TokenVerifier
from todo_api.main import create_app
from todo_api.settings import Settings

TASKS = "/api/ada/tasks"
RESOURCE = "https://todo.example.com/mcp"
# Between two looks for new keys; the service itself waits a second.
PAUSE_SECONDS = 0.2


@pytest.fixture
def auth_settings(make_settings: MakeSettings, issuer: Issuer) -> Settings:
    """Settings that trust the fake issuer, whose JWKS address is not its public one."""
    return make_settings(better_auth_url=issuer.url, better_auth_jwks_url=issuer.jwks_url)


@pytest.fixture
def signed_in(auth_settings: Settings) -> Iterator[TestClient]:
    """A client of an application that trusts the fake issuer."""
    with TestClient(create_app(auth_settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def impatient(auth_settings: Settings) -> Iterator[TestClient]:
    """A client of an application that trusts the fake issuer, and soon asks it for keys again."""
    settings = auth_settings.model_copy(update={"auth_jwks_cooldown": PAUSE_SECONDS})
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def status(client: TestClient, token: str) -> int:
    """Return the status of a request with a token."""
    return client.get(TASKS, headers={"Authorization": f"Bearer {token}"}).status_code


def test_token_of_the_issuer_is_accepted(signed_in: TestClient, issuer: Issuer) -> None:
    assert status(signed_in, issuer.token()) == 200


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES512", "PS256", "RS256"])
def test_every_algorithm_of_better_auth_is_accepted(
    signed_in: TestClient, issuer: Issuer, algorithm: str
) -> None:
    issuer.rotate(algorithm)
    assert status(signed_in, issuer.token()) == 200


def unsigned(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), "", "none", headers={"kid": issuer.current})


def signed_with_the_public_key(issuer: Issuer) -> str:
    _, key = issuer.keys[issuer.current]
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(issuer.claims(), public, "HS256", headers={"kid": issuer.current})


def signed_with_another_key(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), new_key("EdDSA"), "EdDSA", headers={"kid": issuer.current})


def with_a_key_of_its_own(issuer: Issuer) -> str:
    key = new_key("EdDSA")
    return jwt.encode(issuer.claims(), key, "EdDSA", headers={"kid": "mine", "jwk": public_jwk(key)})


def without_key_id(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), issuer.keys[issuer.current][1], "EdDSA")


def with_odd_key_id(issuer: Issuer) -> str:
    token = issuer.token()
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": {"a": 1}}).encode()).decode().rstrip("=")
    )
    return ".".join([header, *token.split(".")[1:]])


def changed_after_signing(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(issuer.claims("ada")).encode() + b" ").decode().rstrip("=")
    return f"{head}.{body}.{signature}"


def claims(**changes: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.token(**changes)


NOW = int(time.time())
FORGED: dict[str, Callable[[Issuer], str]] = {
    "unsigned": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "another key under a known id": signed_with_another_key,
    "its own key in the header": with_a_key_of_its_own,
    "no key id": without_key_id,
    "key id that is no text": with_odd_key_id,
    "unknown key id": lambda i: jwt.encode(i.claims(), i.keys[i.current][1], "EdDSA", headers={"kid": "?"}),
    "changed after signing": changed_after_signing,
    "cut off signature": lambda i: i.token().rpartition(".")[0] + ".",
    "wrong issuer": claims(iss="https://evil.example.com"),
    "issuer with a slash more": lambda i: i.token(iss=f"{i.url}/"),
    "wrong audience": claims(aud="https://other.example.com"),
    "empty audience": claims(aud=[]),
    "expired": claims(exp=NOW - 3600),
    "expired an hour ago in any time zone": claims(iat=NOW - 7200, exp=NOW - 3600),
    "issued in the future": claims(iat=NOW + 3600, exp=NOW + 7200),
    "not yet valid": claims(nbf=NOW + 3600),
    "no expiry": claims(exp=None),
    "no issue time": claims(iat=None),
    "no subject": claims(sub=None),
    "no issuer": claims(iss=None),
    "no audience": claims(aud=None),
    "empty subject": claims(sub=""),
    "subject with a control character": claims(sub="ada\0"),
    "overlong subject": claims(sub="a" * 256),
    "expiry that is text": claims(exp="tomorrow"),
    "expiry beyond all numbers": claims(exp=float("inf")),
    "oversized": claims(padding="x" * 10_000),
    "no JWT": lambda _: "letmein",
    "three dots": lambda _: "...",
    "a JSON number": lambda _: "MQ.MQ.MQ",
    "not ASCII": lambda _: "ÿÿÿ",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_forged_token_is_401(signed_in: TestClient, issuer: Issuer, forge: Callable[[Issuer], str]) -> None:
    assert status(signed_in, issuer.token()) == 200  # the keys are known: only the token can be at fault
    answer = signed_in.get(TASKS, headers={b"Authorization": f"Bearer {forge(issuer)}".encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "bearer\tx"])
def test_request_without_a_bearer_token_is_401(signed_in: TestClient, header: str) -> None:
    assert signed_in.get(TASKS, headers={"Authorization": header}).status_code == 401


def test_refusal_comes_before_the_body_is_read(signed_in: TestClient) -> None:
    answer = signed_in.post(TASKS, content=b"{not json", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_small_clock_difference_is_forgiven(signed_in: TestClient, issuer: Issuer) -> None:
    now = int(time.time())
    assert status(signed_in, issuer.token(exp=now - 10)) == 200
    assert status(signed_in, issuer.token(iat=now + 10)) == 200
    assert status(signed_in, issuer.token(exp=now - 60)) == 401


def test_excluded_algorithm_is_refused(make_settings: MakeSettings, issuer: Issuer) -> None:
    settings = make_settings(
        better_auth_url=issuer.url, better_auth_jwks_url=issuer.jwks_url, auth_algorithms="EdDSA"
    )
    with TestClient(create_app(settings)) as client:
        assert status(client, issuer.token()) == 200
        issuer.rotate("ES256")
        assert status(client, issuer.token()) == 401


def test_rotated_key_is_accepted_without_a_restart(signed_in: TestClient, issuer: Issuer) -> None:
    old = issuer.token()
    assert status(signed_in, old) == 200
    issuer.rotate()
    assert status(signed_in, issuer.token()) == 200
    assert status(signed_in, old) == 200
    assert issuer.fetches == 2


def made_up(issuer: Issuer, name: str = "made-up") -> str:
    """Return a stranger's token, whose claims are right and whose key is not the issuer's."""
    return jwt.encode(issuer.claims(), new_key("EdDSA"), "EdDSA", headers={"kid": name})


def test_made_up_key_ids_share_a_fetch_and_keep_no_new_key_out(impatient: TestClient, issuer: Issuer) -> None:
    assert status(impatient, issuer.token()) == 200
    began = time.monotonic()
    with ThreadPoolExecutor(16) as strangers:
        answers = [
            strangers.submit(status, impatient, made_up(issuer, f"made-up-{number}")) for number in range(64)
        ]
        issuer.rotate()
        assert status(impatient, issuer.token()) == 200
        assert {answer.result() for answer in answers} == {401}
    # One at the start, then one a pause.
    assert issuer.fetches <= 3 + (time.monotonic() - began) / PAUSE_SECONDS


def test_pause_longer_than_a_request_waits_is_503_with_its_end(
    make_settings: MakeSettings, issuer: Issuer
) -> None:
    settings = make_settings(
        better_auth_url=issuer.url, better_auth_jwks_url=issuer.jwks_url, auth_jwks_cooldown=600
    )
    with TestClient(create_app(settings)) as client:
        assert status(client, issuer.token()) == 200
        assert status(client, made_up(issuer)) == 401
        issuer.rotate()
        answer = client.get(TASKS, headers={"Authorization": f"Bearer {issuer.token()}"})
        assert answer.status_code == 503
        assert 500 < int(answer.headers["Retry-After"]) <= 600
        assert issuer.fetches == 2


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example.com"}, {"aud": "other"}, {"exp": 1}, {"iat": None}],
    ids=["issuer", "audience", "expired", "no issue time"],
)
def test_token_with_wrong_claims_causes_no_fetch(
    signed_in: TestClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    assert status(signed_in, issuer.token()) == 200
    claims = issuer.claims(**changes)
    token = jwt.encode(claims, new_key("EdDSA"), "EdDSA", headers={"kid": "made-up"})
    assert status(signed_in, token) == 401
    assert issuer.fetches == 1
    issuer.rotate()
    assert status(signed_in, issuer.token()) == 200


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The key ids whose signatures have been checked, in order."""
    checked: list[str] = []
    verify = jwt.PyJWS._verify_signature

    def counted(self: Any, signing_input: bytes, header: dict[str, Any], *rest: Any, **more: Any) -> None:
        checked.append(header["kid"])
        verify(self, signing_input, header, *rest, **more)

    monkeypatch.setattr(jwt.PyJWS, "_verify_signature", counted)
    return checked


def verifier_over(keys: JwksKeys, issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(
        keys, issuers=(issuer.url,), audiences=(issuer.url,), algorithms=("EdDSA",), leeway=0
    )


def test_signature_is_checked_once_in_a_tokens_life(issuer: Issuer, signatures: list[str]) -> None:
    async def scenario() -> None:
        address, clock = Address(issuer), Clock()
        keys = keys_over(address, clock)
        verifier, token = verifier_over(keys, issuer), issuer.token()
        for _ in range(3):
            await verifier.verify(token)
        clock.now += 301
        await keys.refresh()  # the key stays the same
        await verifier.verify(token)
        assert address.fetches == 2
        assert signatures == [issuer.current]

    asyncio.run(scenario())


def test_proven_token_ends_with_its_expiry(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(minutes=5)

    async def scenario() -> None:
        verifier = verifier_over(keys_over(Address(issuer), Clock()), issuer)
        short, long = issuer.token(exp=int(time.time()) + 60), issuer.token()
        for token in (short, long):
            await verifier.verify(token)
        monkeypatch.setattr("jwt.api_jwt.datetime", Later)
        monkeypatch.setattr(
            "todo_api.auth.tokens.time", SimpleNamespace(time=lambda: Later.now(UTC).timestamp())
        )
        await verifier.verify(long)
        with pytest.raises(InvalidToken):
            await verifier.verify(short)

    asyncio.run(scenario())


def test_proven_token_ends_with_its_key(issuer: Issuer) -> None:
    async def scenario() -> None:
        keys = keys_over(Address(issuer), Clock())
        verifier, token = verifier_over(keys, issuer), issuer.token()
        await verifier.verify(token)
        # Another key under the same id: the old signature no longer proves anything.
        issuer.keys[issuer.current] = ("EdDSA", new_key("EdDSA"))
        await keys.refresh()
        with pytest.raises(InvalidToken):
            await verifier.verify(token)
        await verifier.verify(issuer.token())

    asyncio.run(scenario())


def test_proofs_are_bounded_and_hold_no_token(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("todo_api.auth.tokens.REMEMBERED_TOKENS", 3)

    async def scenario() -> None:
        verifier = verifier_over(keys_over(Address(issuer), Clock()), issuer)
        tokens = [issuer.token(jti=str(number)) for number in range(5)]
        for token in tokens:
            assert (await verifier.verify(token)).user_id == "ada"
        assert len(verifier._proofs) == 3
        assert not any(part in repr(verifier._proofs) for token in tokens for part in token.split(".")[1:])

    asyncio.run(scenario())


def test_token_for_the_mcp_resource_opens_mcp_alone(make_settings: MakeSettings, issuer: Issuer) -> None:
    settings = make_settings(
        better_auth_url=issuer.url,
        better_auth_jwks_url=issuer.jwks_url,
        public_url="https://Todo.example.com",
    )
    initialize = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }  # fmt: skip

    with TestClient(create_app(settings)) as client:

        def answers(audience: object) -> tuple[int, int]:
            headers = {
                "Authorization": f"Bearer {issuer.token(aud=audience)}",
                "Accept": "application/json, text/event-stream",
                "Host": "TODO.example.com",
            }
            mcp = client.post("/mcp", json=initialize, headers=headers)
            return mcp.status_code, client.get(TASKS, headers=headers).status_code

        assert answers("https://todo.example.com/mcp") == (200, 401)
        assert answers(["https://todo.example.com/mcp", issuer.url]) == (200, 200)
        assert answers(issuer.url) == (200, 200)
        assert answers("https://other.example.com/mcp") == (401, 401)


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"aud": RESOURCE}, (200, 401)),
        ({"aud": [RESOURCE, "https://app.example.com/api/auth/oauth2/userinfo"]}, (200, 401)),
        ({"aud": [RESOURCE, "https://app.example.com"]}, (200, 401)),
        ({"aud": "https://app.example.com"}, (401, 401)),
        ({"aud": RESOURCE, "iss": "https://other.example.com/api/auth"}, (401, 401)),
        ({"aud": RESOURCE, "cnf": {"jkt": "a-thumbprint"}}, (401, 401)),
    ],
    ids=["resource", "with userinfo", "with the API", "the API alone", "another issuer", "bound to a key"],
)
def test_the_authorization_servers_tokens_open_mcp_alone(
    make_settings: MakeSettings, issuer: Issuer, changes: dict[str, Any], statuses: tuple[int, int]
) -> None:
    settings = make_settings(
        better_auth_url=issuer.url,
        better_auth_jwks_url=issuer.jwks_url,
        public_url="https://todo.example.com",
    )
    # As Better Auth's MCP plug-in signs them: with the issuer that its metadata names.
    token = issuer.token(**{"iss": f"{issuer.url}/api/auth", **changes})
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Host": "todo.example.com"}
    with TestClient(create_app(settings)) as client:
        listed = client.post(
            "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers
        )
        assert (listed.status_code, client.get(TASKS, headers=headers).status_code) == statuses


def test_without_a_public_url_no_host_is_an_audience(signed_in: TestClient, issuer: Issuer) -> None:
    headers = {
        "Authorization": f"Bearer {issuer.token(aud='http://localhost/mcp')}", "Host": "localhost",
    }  # fmt: skip
    assert signed_in.post("/mcp", json={}, headers=headers).status_code == 401


def test_base_url_with_a_slash_is_an_issuer_with_and_without_it(
    make_settings: MakeSettings, issuer: Issuer
) -> None:
    settings = make_settings(better_auth_url=f"{issuer.url}/", better_auth_jwks_url=issuer.jwks_url)
    with TestClient(create_app(settings)) as client:
        for url in (issuer.url, f"{issuer.url}/"):
            assert status(client, issuer.token(iss=url, aud=url)) == 200
        assert status(client, issuer.token(iss=f"{issuer.url}//")) == 401


def test_service_without_any_keys_answers_503_and_recovers(signed_in: TestClient, issuer: Issuer) -> None:
    issuer.down = True
    answer = signed_in.get(TASKS, headers={"Authorization": f"Bearer {issuer.token()}"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    issuer.down = False
    deadline = time.monotonic() + 5
    while status(signed_in, issuer.token()) != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Address:
    """A JWKS address that a test fills and breaks."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.fetches = 0
        self.down = False
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> bytes:
        self.fetches += 1
        keys = [{"kid": kid, **public_jwk(key)} for kid, (_, key) in self.issuer.keys.items()]
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise ConnectionError("down")
        return json.dumps({"keys": keys}).encode()


def keys_over(address: Address, clock: Clock, **changes: Any) -> JwksKeys:
    values = {"auth_jwks_fresh": 300, "auth_jwks_stale": 3600, "auth_jwks_cooldown": 10, **changes}
    return JwksKeys(address, Settings(**values), clock=clock)


def test_stale_keys_serve_for_a_bounded_time_while_the_address_is_down() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock)
        await keys.find(issuer.current, "EdDSA")
        address.down = True
        clock.now += 300 + 3599
        await keys.find(issuer.current, "EdDSA")
        await asyncio.sleep(0)  # the fetch behind the request has failed by now
        clock.now += 2
        with pytest.raises(KeysUnavailable):
            await keys.find(issuer.current, "EdDSA")
        address.down = False
        clock.now += 2
        await keys.find(issuer.current, "EdDSA")

    asyncio.run(scenario())


def test_stale_keys_are_fetched_behind_the_request() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock)
        await keys.find(issuer.current, "EdDSA")
        address.gate = asyncio.Event()  # the address hangs, the request does not
        clock.now += 301
        async with asyncio.timeout(1):
            await keys.find(issuer.current, "EdDSA")
            await asyncio.sleep(0)
        assert address.fetches == 2
        address.gate.set()

    asyncio.run(scenario())


def test_an_id_that_was_looked_for_is_unknown_and_any_other_may_be_new() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock, auth_jwks_cooldown=0.2, auth_jwks_timeout=0.1)
        await keys.find(issuer.current, "EdDSA")
        for _ in range(2):
            with pytest.raises(UnknownKey):
                await keys.find("made-up", "EdDSA")
        assert address.fetches == 2
        with pytest.raises(KeysUnavailable):
            await keys.find(issuer.rotate(), "EdDSA")
        await asyncio.sleep(1)
        assert address.fetches == 3  # at the pause's end, without a further request
        await keys.find(issuer.current, "EdDSA")
        clock.now += 1
        address.down = True
        with pytest.raises(KeysUnavailable):
            await keys.find("another", "EdDSA")

    asyncio.run(scenario())


def test_only_a_fetch_that_begins_after_a_request_tells_that_its_key_is_unknown() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock, auth_jwks_cooldown=0)
        await keys.find(issuer.current, "EdDSA")
        address.gate = asyncio.Event()
        stranger = asyncio.create_task(keys.find("made-up", "EdDSA"))
        await asyncio.sleep(0.01)
        new = issuer.rotate()  # the running fetch has read the keys before
        user = asyncio.create_task(keys.find(new, "EdDSA"))
        await asyncio.sleep(0.01)
        address.gate.set()
        with pytest.raises(UnknownKey):
            await stranger
        assert (await user).key_id == new
        assert address.fetches == 3

    asyncio.run(scenario())


def test_requests_at_the_same_time_share_one_fetch() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock)
        await asyncio.gather(*(keys.find(issuer.current, "EdDSA") for _ in range(50)))
        assert address.fetches == 1
        issuer.rotate()
        clock.now += 60
        await asyncio.gather(*(keys.find(issuer.current, "EdDSA") for _ in range(50)))
        assert address.fetches == 2

    asyncio.run(scenario())


def test_keys_are_fetched_ahead_of_requests_but_not_twice() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        keys = keys_over(address, clock)
        await keys.warm_up()
        await keys.find(issuer.current, "EdDSA")
        await keys.warm_up()
        assert address.fetches == 1

    asyncio.run(scenario())


def test_unreachable_address_is_not_asked_by_every_request() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        address.down = True
        keys = keys_over(address, clock)
        for _ in range(10):
            with pytest.raises(KeysUnavailable):
                await keys.find(issuer.current, "EdDSA")
        assert address.fetches == 1

    asyncio.run(scenario())


def test_caller_that_leaves_does_not_end_the_fetch_for_the_others() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        address = Address(issuer)
        address.gate = asyncio.Event()
        keys = keys_over(address, clock)
        first = asyncio.create_task(keys.find(issuer.current, "EdDSA"))
        second = asyncio.create_task(keys.find(issuer.current, "EdDSA"))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        address.gate.set()
        await second

    asyncio.run(scenario())


def test_key_serves_no_algorithm_of_another_family() -> None:
    async def scenario() -> None:
        issuer, clock = Issuer(), Clock()
        keys = keys_over(Address(issuer), clock)
        for algorithm in ("HS256", "RS256", "ES256"):
            with pytest.raises(UnknownKey):
                await keys.find(issuer.current, algorithm)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "document",
    [
        b"", b"[]", b"null", b"{}", b'{"keys": []}', b'{"keys": {"a": 1}}', b'{"keys": [1, null, "x"]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "!", "kid": "a"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "", "kid": "a", "use": "enc"}]}',
    ],
)  # fmt: skip
def test_document_without_usable_keys_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"no usable key|Expecting value"):
        parse_jwks(document)


@pytest.mark.parametrize("document", [b"<html>", b'{"keys": []}', b"x" * 300_000])
def test_unusable_document_leaves_known_keys_in_use(
    signed_in: TestClient, issuer: Issuer, document: bytes
) -> None:
    assert status(signed_in, issuer.token()) == 200
    issuer.document = document
    assert status(signed_in, made_up(issuer)) == 503  # it may be a new key's
    assert issuer.fetches == 2
    assert status(signed_in, issuer.token()) == 200


def test_development_token_opens_the_service_that_made_its_key(
    client: TestClient, settings: Settings
) -> None:
    assert status(client, make_token(settings, "ada")) == 200


def test_development_token_of_another_container_is_401(
    client: TestClient, settings: Settings, tmp_path: Any
) -> None:
    make_token(settings, "ada")
    assert status(client, make_token(Settings(data_dir=tmp_path / "other"), "ada")) == 401


def test_development_key_is_readable_by_its_owner_alone(settings: Settings) -> None:
    make_token(settings, "ada")
    assert stat.S_IMODE(key_path(settings).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "changes",
    [
        {
            "environment": "production",
            "database_url": "postgresql://u@h/d",
            "better_auth_url": "https://a.example",
        },
        {"better_auth_url": "https://app.example.com"},
        {
            "better_auth_jwks_url": "https://app.example.com/jwks",
            "better_auth_issuer": "https://app.example.com",
        },
    ],
)
def test_development_token_is_refused_in_production_and_beside_an_issuer(
    make_settings: MakeSettings, changes: dict[str, Any]
) -> None:
    token = make_token(make_settings(), "ada")
    settings = make_settings(**changes)
    with pytest.raises(DevelopmentTokensOff):
        make_token(settings, "ada")
    with TestClient(create_app(settings)) as client:
        assert status(client, token) in (401, 503)


def test_protected_resource_metadata_names_the_issuer(signed_in: TestClient, issuer: Issuer) -> None:
    found = signed_in.get("/.well-known/oauth-protected-resource/mcp").json()
    assert found["resource"] == "http://testserver/mcp"
    assert found["authorization_servers"] == [f"{issuer.url}/api/auth"]
    challenge = signed_in.post("/mcp").headers["WWW-Authenticate"]
    assert 'resource_metadata="http://testserver/.well-known/oauth-protected-resource/mcp"' in challenge
