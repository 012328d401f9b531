from __future__ import annotations

from dataclasses import replace

import pytest

from drydock.errors import DrydockError, Exit
from drydock.publish import labels
from drydock.publish.engine_image import LocalImage
from drydock.publish.errors import (
    BadCredentials,
    DigestDiffers,
    DirtyImage,
    LoginRefused,
    MadeBase,
    PlatformTwice,
    PushDenied,
    RegistryFailed,
    RegistryFault,
    RegistryUnreachable,
)
from drydock.publish.push import Permissions, check_platforms, refuse
from drydock.publish.reference import parse

TARGET = parse("registry.example/acme/todo:1.4.2")
LOCAL = LocalImage("sha256:1", (), {}, "linux/amd64", ())


@pytest.mark.parametrize("platforms", [[], ["linux/amd64"], ["linux/amd64", "linux/arm64/v8"]])
def test_different_platforms_make_an_index(platforms: list[str]) -> None:
    check_platforms(platforms)


def test_one_platform_twice_is_refused() -> None:
    with pytest.raises(PlatformTwice) as caught:
        check_platforms(["linux/amd64", "linux/arm64", "linux/amd64"])
    assert str(caught.value) == (
        "error: 2 of the images are for linux/amd64; name one image for each platform"
    )


def test_a_made_base_may_go_to_this_machine_alone() -> None:
    made = replace(LOCAL, config={"Labels": {labels.BASE_KIND: labels.MADE}})

    refuse(parse("127.0.0.1:5000/todo:1"), made, Permissions())
    refuse(TARGET, made, Permissions(made_base=True))
    with pytest.raises(MadeBase):
        refuse(TARGET, made, Permissions())


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (Exit.REGISTRY, {RegistryUnreachable, RegistryFailed, RegistryFault, DigestDiffers}),
        (Exit.CREDENTIALS, {LoginRefused, PushDenied, BadCredentials}),
        (Exit.REFUSED, {DirtyImage, MadeBase}),
        (Exit.USAGE, {PlatformTwice}),
    ],
)
def test_the_exit_code_of_a_failed_push_says_where_to_act(code: Exit, kinds: set[type[DrydockError]]) -> None:
    assert {kind.exit_code for kind in kinds} == {code}
