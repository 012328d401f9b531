from __future__ import annotations

from typing import Any

import pytest

from drydock.publish.stream import Fault, LayerProgress, PushStream, State, StreamError, classify

LAYER = "0123456789ab"


def read(*lines: dict[str, Any]) -> tuple[PushStream, list[LayerProgress]]:
    stream = PushStream()
    return stream, [change for line in lines for change in stream.feed(line)]


def test_a_layer_is_followed_to_the_registry() -> None:
    sending = {"current": 512, "total": 2048}
    stream, changes = read(
        {"status": "The push refers to repository [127.0.0.1:5000/todo]"},
        {"status": "Preparing", "progressDetail": {}, "id": LAYER},
        {"status": "Pushing", "progressDetail": sending, "progress": "[===> ]", "id": LAYER},
        {"status": "Pushed", "progressDetail": {}, "id": LAYER},
        {"status": "1.4.2: digest: sha256:abc size: 528"},
        {"progressDetail": {}, "aux": {"Tag": "1.4.2", "Digest": "sha256:abc", "Size": 528}},
    )

    assert changes == [
        LayerProgress(LAYER, State.WAITING),
        LayerProgress(LAYER, State.SENDING, 512, 2048),
        LayerProgress(LAYER, State.SENT),
    ]
    assert stream.digest == "sha256:abc"
    assert stream.sent == {LAYER}


@pytest.mark.parametrize("status", ["Layer already exists", "Mounted from library/python"])
def test_a_layer_that_is_there_already_was_not_sent(status: str) -> None:
    stream, changes = read({"status": status, "progressDetail": {}, "id": LAYER})

    assert changes == [LayerProgress(LAYER, State.EXISTING)]
    assert stream.sent == set()


@pytest.mark.parametrize(
    "line",
    [
        {"errorDetail": {"message": "denied"}, "error": "denied"},
        {"errorDetail": {"message": "denied"}},
        {"error": "denied"},
    ],
)
def test_push_stream_error_raises(line: dict[str, Any]) -> None:
    with pytest.raises(StreamError, match=r"^denied$"):
        read({"status": "Pushing", "id": LAYER}, line)


def test_an_error_without_words_raises_too() -> None:
    with pytest.raises(StreamError, match="no reason given"):
        read({"error": ""})


def test_a_layer_that_the_engine_began_five_times_is_given_up() -> None:
    stream = PushStream()
    for _ in range(4):
        assert not stream.given_up
        for seconds in (2, 1):
            line = {"status": f"Retrying in {seconds} seconds", "progressDetail": {}, "id": LAYER}
            list(stream.feed(line))
        list(stream.feed({"status": "Pushing", "progressDetail": {}, "id": LAYER}))

    assert stream.given_up


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("unauthorized: authentication required", Fault.LOGIN),
        ('Head "https://r.example/v2/a/blobs/sha256:500": no basic auth credentials', Fault.LOGIN),
        ("denied: requested access to the resource is denied", Fault.DENIED),
        ("error parsing HTTP 403 response body: unexpected end of JSON input", Fault.DENIED),
        ("push access denied, insufficient_scope: authorization failed", Fault.DENIED),
        (
            'Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            Fault.UNREACHABLE,
        ),
        ("dial tcp: lookup r.example on 127.0.0.53:53: no such host", Fault.UNREACHABLE),
        ('Get "https://10.0.0.9/v2/": dial tcp 10.0.0.9:443: i/o timeout', Fault.UNREACHABLE),
        ('Put "http://127.0.0.1:5000/v2/a/manifests/1": EOF', Fault.NETWORK),
        ("write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer", Fault.NETWORK),
        ("received unexpected HTTP status: 503 Service Unavailable", Fault.NETWORK),
        ("net/http: TLS handshake timeout", Fault.NETWORK),
        ("manifest invalid: manifest invalid", Fault.OTHER),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Fault.OTHER),
        ('Get "https://r.example:5000/v2/401/503": tag is immutable', Fault.OTHER),
        ("blob sha256:401503 is unknown to r.example:502", Fault.OTHER),
    ],
)
def test_a_message_tells_what_kind_of_failure_it_is(message: str, fault: Fault) -> None:
    assert classify(message) is fault


def test_only_network_faults_pass_by_themselves() -> None:
    assert {fault for fault in Fault if fault.passing} == {Fault.UNREACHABLE, Fault.NETWORK}
