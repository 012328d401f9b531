"""What an image is apart from when and from which commit it was made: the key of its receipts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from drydock.image.model import Image

# Labels carry the revision, and `created` the time: neither changes what a container does.
_NOT_CONTENT = ("labels", "created")


def content_digest(image: Image) -> str:
    """Return the digest of an image's layers and configuration, without labels and times.

    The same image has the same digest on every engine and in every archive: layers count by diff id, which
    compression does not change, and the configuration by the fields of Config.
    """
    config = {key: value for key, value in asdict(image.config).items() if key not in _NOT_CONTENT}
    content = {"layers": [layer.diff_id for layer in image.layers], "config": config}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
