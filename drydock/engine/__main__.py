"""Start an engine if none answers; `./run` calls this before every command."""

import sys

from drydock.engine.install import ensure
from drydock.errors import DrydockError


def main() -> int:
    """Return 0 when an engine answers, else the error's exit code."""
    try:
        ensure()
    except DrydockError as error:
        if error.evidence:
            print(error.evidence, file=sys.stderr)  # noqa: T201
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
