"""An image: its configuration, its layers and their files, and the two sizes.

The two sizes are defined only here:

- **on disk**: the sum of the layers' uncompressed tar archives;
- **on the wire**: the sum of the layers as drydock's push compresses them, which a pull moves.

Neither depends on how an engine stores images, unlike the size in `docker images`, nor on an archive's
compression. So any two images can be compared.
"""

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from drydock.image.file import File
from drydock.image.record import Record
from drydock.project.compression import ZSTD, Compression

# Labels hold the revision, and `created` the time: neither changes a container.
_NOT_CONTENT = ("labels", "created")
# The COPY instructions by which drydock's own Dockerfile adds layers.
_ADDED = re.compile(r"COPY /(?:layers|opt)/(\w+)/? /\S*")


@dataclass(frozen=True)
class Layer:
    diff_id: str  # sha256 of the uncompressed tar archive, with its algorithm in front
    created_by: str  # its instruction, from the image's history; empty if unknown
    on_disk: int  # bytes of the uncompressed tar archive
    on_wire: int  # bytes of the blob that `push` sends for it
    record: Record = field(repr=False, compare=False)  # the analysis of its content

    @classmethod
    def of(cls, created_by: str, record: Record, on_wire: int) -> Self:
        return cls(record.diff_id, created_by, record.on_disk, on_wire, record)

    @property
    def files(self) -> tuple[File, ...]:
        """All entries of the layer in its own order, whiteouts included."""
        return self.record.files

    @property
    def instruction(self) -> str:
        """The instruction in one line, without the wrapping of BuildKit and the shell."""
        text = self.created_by.removesuffix("# buildkit").replace("/bin/sh -c #(nop)", " ")
        return " ".join(text.replace("/bin/sh -c", " ").split()) or "(no history)"

    @property
    def name(self) -> str:
        """Its content, for a layer of drydock's own Dockerfile: its source folder; else its instruction."""
        match = _ADDED.fullmatch(self.instruction)
        return match[1] if match else self.instruction


@dataclass(frozen=True)
class Config:
    user: str  # as written; empty for root
    env: tuple[str, ...]  # variables as ``NAME=value``, in order
    entrypoint: tuple[str, ...]  # its arguments; empty when unset
    cmd: tuple[str, ...]  # its arguments; empty when unset
    working_dir: str  # absolute path; empty when unset
    exposed_ports: tuple[str, ...]  # such as ``8000/tcp``
    volumes: tuple[str, ...]  # declared mount points
    stop_signal: str  # such as ``SIGTERM``; empty when unset
    healthcheck: Mapping[str, Any]  # as in the image configuration: Test, and durations in nanoseconds
    shell: tuple[str, ...]  # arguments of SHELL; empty when unset
    on_build: tuple[str, ...]  # triggers for images built on this one
    labels: Mapping[str, str]  # labels and annotations
    architecture: str  # such as ``amd64``
    os: str  # such as ``linux``
    variant: str  # such as ``v8``; mostly empty
    created: str  # RFC 3339 time, as written

    @classmethod
    def of(cls, outer: Mapping[str, Any], inner: Mapping[str, Any]) -> Self:
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
        return {name: value for name, _, value in (line.partition("=") for line in self.env)}


@dataclass(frozen=True)
class Image:
    reference: str  # the requested name: a reference, or a path
    # in its store: the digest of its configuration or, in containerd's store, of its manifest
    id: str
    config: Config
    layers: tuple[Layer, ...]  # lowest first
    compression: Compression = ZSTD  # for the layers' sizes on the wire
    # the stored configuration's digest; empty if only an engine described it
    configuration: str = ""

    @property
    def on_disk(self) -> int:
        return sum(layer.on_disk for layer in self.layers)

    @property
    def on_wire(self) -> int:
        return sum(layer.on_wire for layer in self.layers)


def content_digest(image: Image) -> str:
    """Return the digest of an image's layers and configuration, without labels and times.

    It is the same on every engine and in every archive. Layers count by diff id, which compression does not
    change, and the configuration by the fields of Config.
    """
    config = {key: value for key, value in asdict(image.config).items() if key not in _NOT_CONTENT}
    content = {"layers": [layer.diff_id for layer in image.layers], "config": config}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
