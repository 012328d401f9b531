"""What an image is: its configuration, its layers and their files, and the two sizes.

The two sizes are defined here and nowhere else:

- **on disk**: the sum of the layers' uncompressed tar archives;
- **on the wire**: the sum of the layers as drydock's push compresses them, which is what a pull moves.

Neither depends on how an engine stores images, unlike the size that `docker images` prints; nor on how an
archive's layers are compressed, so that any two images can be compared.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drydock.image.file import File
from drydock.image.record import Record
from drydock.project.compression import ZSTD, Compression


@dataclass(frozen=True)
class Layer:
    """One layer of an image.

    Args:
        diff_id: sha256 of the uncompressed tar archive, with its algorithm in front.
        created_by: The instruction that made it, as the image's history tells; empty where it does not.
        on_disk: Bytes of the uncompressed tar archive.
        on_wire: Bytes of the blob that `push` sends for it.
        record: The analysis of its content.
    """

    diff_id: str
    created_by: str
    on_disk: int
    on_wire: int
    record: Record = field(repr=False, compare=False)

    @property
    def files(self) -> tuple[File, ...]:
        """Everything the layer holds, in its own order, whiteouts included."""
        return self.record.files

    @property
    def texts(self) -> Mapping[str, str]:
        """The content of the files that name packages, by path."""
        return self.record.texts

    @property
    def instruction(self) -> str:
        """The instruction in one line, without BuildKit's and the shell's wrapping."""
        text = self.created_by.removesuffix("# buildkit").replace("/bin/sh -c #(nop)", " ")
        return " ".join(text.replace("/bin/sh -c", " ").split()) or "(no history)"


@dataclass(frozen=True)
class Config:
    """How a container of the image starts.

    Args:
        user: As written; empty for root.
        env: Variables as ``NAME=value``, in order.
        entrypoint: Its arguments; empty when unset.
        cmd: Its arguments; empty when unset.
        working_dir: Absolute path; empty when unset.
        exposed_ports: Such as ``8000/tcp``.
        volumes: Declared mount points.
        stop_signal: Such as ``SIGTERM``; empty when unset.
        healthcheck: As in the image configuration: Test, and durations in nanoseconds.
        shell: Arguments of SHELL; empty when unset.
        on_build: Triggers for images built on this one.
        labels: Labels and annotations.
        architecture: Such as ``amd64``.
        os: Such as ``linux``.
        variant: Such as ``v8``; mostly empty.
        created: RFC 3339 time, as written.
    """

    user: str
    env: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    working_dir: str
    exposed_ports: tuple[str, ...]
    volumes: tuple[str, ...]
    stop_signal: str
    healthcheck: Mapping[str, Any]
    shell: tuple[str, ...]
    on_build: tuple[str, ...]
    labels: Mapping[str, str]
    architecture: str
    os: str
    variant: str
    created: str

    @classmethod
    def of(cls, outer: Mapping[str, Any], inner: Mapping[str, Any]) -> Config:
        """Read an image configuration.

        Args:
            outer: The platform and the time: an OCI image configuration, or an engine's inspection with its
                keys in lower case.
            inner: Its ``config``, whose keys are the same in both.
        """

        def text(key: str) -> str:
            return str(inner.get(key) or "")

        def texts(key: str) -> tuple[str, ...]:
            return tuple(str(item) for item in inner.get(key) or ())

        return cls(
            user=text("User"),
            env=texts("Env"),
            entrypoint=texts("Entrypoint"),
            cmd=texts("Cmd"),
            working_dir=text("WorkingDir"),
            exposed_ports=tuple(sorted(texts("ExposedPorts"))),
            volumes=tuple(sorted(texts("Volumes"))),
            stop_signal=text("StopSignal"),
            healthcheck={key: value for key, value in (inner.get("Healthcheck") or {}).items() if value},
            shell=texts("Shell"),
            on_build=texts("OnBuild"),
            labels={str(key): str(value) for key, value in (inner.get("Labels") or {}).items()},
            architecture=str(outer.get("architecture") or ""),
            os=str(outer.get("os") or ""),
            variant=str(outer.get("variant") or ""),
            created=str(outer.get("created") or ""),
        )

    @functools.cached_property
    def variables(self) -> Mapping[str, str]:
        """The environment by name."""
        return {name: value for name, _, value in (line.partition("=") for line in self.env)}


@dataclass(frozen=True)
class Image:
    """An image, wherever it was read from.

    Args:
        reference: The name by which it was asked for: a reference, or a path.
        id: As its store knows it: the digest of its configuration or, in containerd's store, of its manifest.
        repo_digests: ``name@digest`` for each registry repository that it is known to be in.
        config: How a container of it starts.
        layers: From the lowest to the uppermost.
        compression: How the layers' sizes on the wire come about.
        configuration: The digest of its configuration as stored; empty where only an engine described it.
    """

    reference: str
    id: str
    repo_digests: tuple[str, ...]
    config: Config
    layers: tuple[Layer, ...]
    compression: Compression = ZSTD
    configuration: str = ""

    @property
    def on_disk(self) -> int:
        """Bytes of all uncompressed layers."""
        return sum(layer.on_disk for layer in self.layers)

    @property
    def on_wire(self) -> int:
        """Bytes of all compressed layers."""
        return sum(layer.on_wire for layer in self.layers)
