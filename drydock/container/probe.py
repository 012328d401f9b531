"""Probe the application in this container: exit code 0 when it answers with status 2xx or 3xx.

The image's HEALTHCHECK runs this with `python3 -I -S`, without curl and without a shell. serve.json in the
same folder names port, path and Host; PORT, HEALTH_PATH and HEALTH_HOST override it. TLS_CERT_FILE selects
HTTPS, and PROBE_TIMEOUT sets the seconds to wait (2). uvicorn's names count where PORT, HOST and
TLS_CERT_FILE are not set. With an empty path, any HTTP answer is good: a port
stays open while the application behind it hangs.
"""

import json
import os
import socket
import sys

SERVE = __file__.rpartition("/")[0] + "/serve.json"


def variable(name: str, uvicorns: str) -> str:
    """Return a variable by the image's name for it or by uvicorn's; empty if neither is set."""
    return os.environ.get(name, os.environ.get(uvicorns, ""))


def address(host: str) -> str:
    """Return the address to probe for a listening host: loopback if it listens on every address."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


def ask(host: str, port: int, method: str, path: str, seconds: float, tls: bool, name: str) -> str:
    """Return the status line of one request; empty if there was no answer.

    Raises:
        OSError: The connection failed, or no answer came in time.
    """
    with socket.create_connection((host, port), seconds) as connection:
        if tls:
            import ssl

            # The certificate names the service, not this address, and the probe only asks for an answer.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).split(b"\r\n")[0].decode("ascii", "replace")


def main() -> int:
    """Probe once, and print the reason for a bad result."""
    with open(SERVE, encoding="utf-8") as file:  # noqa: PTH123 - starts in less time
        served = json.load(file)
    port = int(variable("PORT", "UVICORN_PORT") or served["port"])
    path = os.environ.get("HEALTH_PATH", served["health_path"])
    name = os.environ.get("HEALTH_HOST") or served.get("health_host") or "localhost"
    seconds = float(os.environ.get("PROBE_TIMEOUT", "2"))
    try:
        # HEAD runs as little of the application as possible: few routes accept it.
        method = "GET" if path else "HEAD"
        tls = bool(variable("TLS_CERT_FILE", "UVICORN_SSL_CERTFILE"))
        host = address(variable("HOST", "UVICORN_HOST"))
        status = ask(host, port, method, path or "/", seconds, tls, name)
    except OSError as error:
        status = str(error)
    if status.startswith("HTTP/1.") and (not path or status[9:10] in ("2", "3")):
        return 0
    print(f"port {port} {path}: {status or 'no answer'}")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
