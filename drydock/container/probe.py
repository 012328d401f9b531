"""Ask the application in this container whether it lives: exit code 0 when it answers with status 2xx or 3xx.

The image's HEALTHCHECK runs this with `python3 -I -S`, without curl and without a shell. serve.json beside it
names port, path and Host; PORT, HEALTH_PATH and HEALTH_HOST win over that. It reads TLS_CERT_FILE, too, and
gives up after PROBE_TIMEOUT seconds (2). Where the path is empty, any answer of HTTP is good: a port stays
open while the application behind it hangs.
"""

import json
import os
import socket
import sys

SERVE = __file__.rpartition("/")[0] + "/serve.json"


def address(host: str) -> str:
    """Return where a service is asked that listens at a host: on every address, it is also on loopback."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


def ask(host: str, port: int, method: str, path: str, seconds: float, tls: bool, name: str) -> str:
    """Return the status line of one request to this container; empty when the answer is none.

    Raises:
        OSError: Nothing listens, or no answer came in time.
    """
    with socket.create_connection((host, port), seconds) as connection:
        if tls:
            import ssl

            # The certificate names the service, not this address; that it answers is all that is asked.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).split(b"\r\n")[0].decode("ascii", "replace")


def main() -> int:
    """Ask once and say why not when the answer is not good."""
    with open(SERVE, encoding="utf-8") as file:  # noqa: PTH123 - starts in less time
        served = json.load(file)
    port = int(os.environ.get("PORT", served["port"]))
    path = os.environ.get("HEALTH_PATH", served["health_path"])
    name = os.environ.get("HEALTH_HOST") or served.get("health_host") or "localhost"
    seconds = float(os.environ.get("PROBE_TIMEOUT", "2"))
    try:
        # HEAD runs no more of an application than it must: few routes take it.
        method = "GET" if path else "HEAD"
        tls = bool(os.environ.get("TLS_CERT_FILE"))
        status = ask(address(os.environ.get("HOST", "")), port, method, path or "/", seconds, tls, name)
    except OSError as error:
        status = str(error)
    if status.startswith("HTTP/1.") and (not path or status[9:10] in ("2", "3")):
        return 0
    print(f"port {port} {path}: {status or 'no answer'}")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
