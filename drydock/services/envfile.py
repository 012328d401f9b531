"""Parse a file of variables as `docker run --env-file` does, with the quotes that python-dotenv allows."""

import re
from pathlib import Path

from drydock.services.errors import BadEnvironmentFile

LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


def read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        raise BadEnvironmentFile(path=path, problem=problem) from error
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.fullmatch(text)
        if match is None:
            # The line itself may hold a secret.
            raise BadEnvironmentFile(path=f"{path}:{number}", problem="is not NAME=VALUE")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(value: str) -> str:
    if quoted := re.match(r"""(["'])(.*?)\1(\s+#.*)?$""", value):
        return quoted[2]
    return re.sub(r"\s+#.*$", "", value)
