"""New names and new labels for images on the engine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from drydock import command
from drydock.engine import Engine
from drydock.engine.errors import ImageMissing
from drydock.errors import DrydockError
from drydock.publish import engine_image, labels
from drydock.publish.engine_image import find
from drydock.publish.errors import IllegalReference, IllegalTag, LabelsNotApplied
from tests.support.images import remove_reference, remove_unique, remove_unnamed
from tests.support.registry import tiny_image

pytestmark = pytest.mark.live

DOCKERFILE = """
FROM scratch
COPY one /one
COPY two /two
ENV MODE=production
USER 10001
WORKDIR /srv
EXPOSE 8000
VOLUME /data
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD ["/one", "--probe"]
LABEL kept="as it was" changed="before"
ENTRYPOINT ["/one"]
CMD ["serve"]
"""


@pytest.fixture
def image(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """An image with two layers and all kinds of settings."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "one").write_text(secrets.token_hex())
    (tmp_path / "two").write_text("2")
    name = f"drydock-test-{secrets.token_hex(4)}"
    command.run(
        ["docker", "buildx", "build", "--quiet", "--load", f"--tag={name}:dev", str(tmp_path)],
        env=engine.environment,
    )
    identity = find(engine, f"{name}:dev").id
    made = {identity}
    try:
        yield f"{name}:dev"
        made.add(find(engine, f"{name}:dev").id)
    finally:
        for one in made:
            remove_unique(engine, one)


def test_new_labels_build_no_layer_and_change_no_setting(engine: Engine, image: str) -> None:
    before = find(engine, image)
    created = engine.sdk.images.get(image).attrs["Created"]

    made = engine_image.relabel(engine, image, {"changed": "after", "new": 'with "quotes", $signs and = too'})

    after = find(engine, image)
    assert after.id == made != before.id
    assert after.layers == before.layers
    assert after.settings == before.settings
    assert after.settings["Healthcheck"]["Test"] == ["CMD", "/one", "--probe"]
    assert after.labels == {
        "kept": "as it was",
        "changed": "after",
        "new": 'with "quotes", $signs and = too',
    }
    assert engine.sdk.images.get(image).attrs["Created"] == created
    remove_unnamed(engine, before.id)


def test_the_same_labels_give_the_same_image(engine: Engine, image: str) -> None:
    before = find(engine, image).id
    first = engine_image.relabel(engine, image, {"new": "1"})
    engine_image.tag(engine, before, [image])
    second = engine_image.relabel(engine, image, {"new": "1"})

    assert first == second
    remove_unnamed(engine, before)


def test_labels_that_are_there_already_change_nothing(engine: Engine, image: str) -> None:
    before = find(engine, image).id

    assert engine_image.relabel(engine, image, {"kept": "as it was"}) == before


def test_the_mark_of_a_dirty_tree_stays(engine: Engine) -> None:
    with tiny_image(engine, {labels.DIRTY: "true"}) as image:
        made = engine_image.relabel(engine, image, {labels.DIRTY: "false", "new": "1"})

        assert find(engine, made).labels == {labels.DIRTY: "true", "new": "1"}


def test_an_image_that_would_lose_more_than_labels_is_left_alone(engine: Engine, image: str) -> None:
    identity = find(engine, image).id
    changes = ["ENV PATH=/", "WORKDIR /", "ONBUILD ENV A=1"]
    content = engine.sdk.images.get(image).save()
    name = image.partition(":")[0]
    engine.sdk.api.import_image_from_data(b"".join(content), repository=name, tag="trigger", changes=changes)
    before = find(engine, f"{name}:trigger").id
    try:
        with pytest.raises(LabelsNotApplied) as caught:
            engine_image.relabel(engine, f"{name}:trigger", {"new": name})

        assert str(caught.value) == (
            f"error: the labels of {name}:trigger were not changed: Env and OnBuild would change; "
            "build the image again with `drydock build`"
        )
        assert find(engine, f"{name}:trigger").id == before
        assert engine.sdk.images.list(all=True, filters={"label": f"new={name}"}) == []
        assert find(engine, image).id == identity
    finally:
        remove_reference(engine, f"{name}:trigger")


def test_labels_for_a_missing_image_are_an_error(engine: Engine) -> None:
    with pytest.raises(ImageMissing):
        engine_image.relabel(engine, "drydock-test-nothing:1", {"new": "1"})


def test_an_image_gets_all_its_names(engine: Engine) -> None:
    with tiny_image(engine) as image:
        name = image.partition(":")[0]
        engine_image.tag(engine, image, [f"{name}:1.4.2", f"{name}:latest"])

        assert set(find(engine, image).names) == {image, f"{name}:1.4.2", f"{name}:latest"}


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("todo:1+2", IllegalTag),
        ("todo", IllegalReference),
        ("Todo:1", IllegalReference),
    ],
)
def test_one_illegal_name_keeps_all_away(engine: Engine, bad: str, expected: type[DrydockError]) -> None:
    with tiny_image(engine) as image:
        with pytest.raises(expected):
            engine_image.tag(engine, image, [f"{image}-good", bad])

        assert find(engine, image).names == (image,)


def test_names_for_a_missing_image_are_an_error(engine: Engine) -> None:
    with pytest.raises(ImageMissing) as caught:
        engine_image.tag(engine, "drydock-test-nothing:1", ["todo:1"])
    assert str(caught.value) == (
        "error: image drydock-test-nothing:1 is not on this engine; build it with `drydock build`"
    )
