from __future__ import annotations

from pathlib import Path

import pytest

from drydock import osrelease
from drydock.errors import BadConfiguration
from drydock.publish import cosign
from drydock.publish.cosign import (
    SIGNATURE,
    Cosign,
    Identity,
    own_form_arguments,
    sign_arguments,
    verify_arguments,
)
from drydock.publish.errors import CosignNotInstalled, KeyUnusable, SigningFailed
from drydock.publish.reference import parse

DIGEST = "sha256:" + "ab" * 32
TARGET = parse(f"ghcr.io/acme/todo:1.4.2@{DIGEST}")
NAME = f"ghcr.io/acme/todo@{DIGEST}"
SPDX = "https://spdx.dev/Document"
FOLDER = Path("/files")
ANN = Identity("ann@example.com", "https://accounts.example.com")


def double(folder: Path, script: str) -> Path:
    """Return a fake cosign."""
    program = folder / "cosign"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return double(tmp_path, "echo '    --tlog-upload=true:'")


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return double(tmp_path, "echo '    --signing-config=:'")


def test_a_key_signs_without_the_public_log_with_cosign_2(two: Path) -> None:
    """It writes its own form for cosign 2, and a bundle for cosign 3."""
    how = ["--yes", "--key=cosign.key", "--tlog-upload=false"]
    statement = [f"--type={SIGNATURE}", "--predicate=/files/predicate"]

    assert sign_arguments(Cosign(two, "cosign.key"), TARGET, SIGNATURE, FOLDER) == [
        [str(two), "sign", *how, NAME],
        [str(two), "attest", *how, "--new-bundle-format", *statement, NAME],
    ]


def test_a_key_signs_without_the_public_log_with_cosign_3(three: Path) -> None:
    services = ["--signing-config=/files/signing-config", "--trusted-root=/files/trusted-root"]

    assert sign_arguments(Cosign(three, "cosign.key"), TARGET, SIGNATURE, FOLDER) == [
        [str(three), "sign", "--yes", "--key=cosign.key", *services, NAME]
    ]


def test_a_document_is_signed_as_a_bundle_by_either(two: Path) -> None:
    assert sign_arguments(Cosign(two, "cosign.key"), TARGET, SPDX, FOLDER) == [
        [
            str(two),
            "attest",
            "--yes",
            "--key=cosign.key",
            "--tlog-upload=false",
            "--new-bundle-format",
            f"--type={SPDX}",
            "--predicate=/files/predicate",
            NAME,
        ]
    ]


def test_without_a_key_the_public_log_is_told(three: Path) -> None:
    assert sign_arguments(Cosign(three), TARGET, SIGNATURE, FOLDER) == [[str(three), "sign", "--yes", NAME]]


def test_an_insecure_registry_is_spoken_to_as_the_engine_does(three: Path) -> None:
    ((*_, secure, plain, _),) = sign_arguments(Cosign(three, insecure=True), TARGET, SIGNATURE, FOLDER)

    assert [secure, plain] == ["--allow-insecure-registry", "--allow-http-registry"]


def test_a_key_verifies_without_the_public_services(two: Path, tmp_path: Path) -> None:
    files = ["--bundle=/files/bundle", f"--type={SPDX}"]
    how = ["--key=cosign.pub", "--insecure-ignore-tlog=true", "--trusted-root=/files/trusted-root"]

    assert verify_arguments(Cosign(two, "cosign.pub"), SPDX, FOLDER) == [
        str(two),
        "verify-blob-attestation",
        "--new-bundle-format",
        *files,
        *how,
        "/files/manifest",
    ]


def test_an_identity_is_verified_with_its_issuer(three: Path) -> None:
    who = ["--certificate-identity=ann@example.com", "--certificate-oidc-issuer=https://accounts.example.com"]

    assert own_form_arguments(Cosign(three, identity=ANN), TARGET, FOLDER) == [
        str(three),
        "verify",
        "--output=json",
        *who,
        NAME,
    ]


def test_a_signature_of_anybody_is_none(three: Path) -> None:
    with pytest.raises(ValueError, match="against a key or an identity"):
        verify_arguments(Cosign(three), SPDX, FOLDER)


@pytest.mark.parametrize(
    ("subject", "issuer", "how"),
    [
        ("", "", "add --key, or --identity with --issuer"),
        ("", "https://accounts.example.com", "add --key, or --identity with --issuer"),
        ("ann@example.com", "", "add --issuer, the provider that confirms it"),
    ],
)
def test_who_must_have_signed_has_to_be_said(subject: str, issuer: str, how: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        Identity.given("", subject, issuer)
    assert str(caught.value) == (f"error: `drydock verify`: any signature would be accepted; {how}")


def test_a_key_says_who_signed() -> None:
    assert Identity.given("cosign.pub", "", "") is None
    assert Identity.given("", "ann@example.com", "https://accounts.example.com") == Identity(
        "ann@example.com", "https://accounts.example.com"
    )


def test_without_a_key_the_user_sees_where_to_say_who_they_are(tmp_path: Path) -> None:
    said: list[str] = []
    asking = double(
        tmp_path, "echo --signing-config; echo 'Go to https://oauth2.example/device and enter ABCD' >&2"
    )

    Cosign(asking).sign(TARGET, say=said.append)

    assert said == ["Go to https://oauth2.example/device and enter ABCD"]


def test_without_a_key_and_a_network_signing_fails_in_cosigns_words(tmp_path: Path) -> None:
    words = "signing: getting signer: no route to host"
    offline = double(
        tmp_path, f"echo 'Error: {words}' >&2; echo 'error during command execution: {words}' >&2; exit 1"
    )

    with pytest.raises(SigningFailed) as caught:
        Cosign(offline).sign(TARGET)
    assert str(caught.value) == (
        f"error: {TARGET} was not signed: signing: getting signer: no route to host; "
        "check the key, or without one the network to the identity provider, and repeat the command"
    )


def test_a_tag_is_never_signed(two: Path) -> None:
    with pytest.raises(ValueError, match="names no digest"):
        sign_arguments(Cosign(two, "cosign.key"), parse("todo:1"), SIGNATURE, FOLDER)


def test_a_missing_key_is_not_a_missing_signature(tmp_path: Path) -> None:
    missing = tmp_path / "cosign.pub"

    with pytest.raises(KeyUnusable) as caught:
        cosign.require(str(missing))
    assert str(caught.value).startswith(f"error: the key {missing} cannot be used: there is no such file; ")


@pytest.mark.parametrize("key", ["", "awskms:///alias/drydock", "env://COSIGN_PUBLIC"])
def test_a_key_elsewhere_is_for_cosign_to_find(key: str) -> None:
    cosign.require(key)


def test_where_cosign_cannot_be_fetched_the_reason_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(osrelease, "is_debian_family", lambda: False)

    with pytest.raises(CosignNotInstalled, match="cannot be fetched here: apt here knows no Debian"):
        cosign.program()
