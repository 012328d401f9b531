#!/bin/sh
# Run a command that downloads, with what the build was given for it as secrets: nothing of this enters a layer.
#
#   ca      a CA bundle, for networks whose proxy inspects TLS
#   index   the address of a package index of your own, with its password if it has one
#   indexes lines such as UV_INDEX_CORP_PASSWORD=…, for indexes that the project names in [[tool.uv.index]]
set -eu
if [ -f /run/secrets/ca ]; then
    export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca
fi
if [ -f /run/secrets/index ]; then
    PIP_INDEX_URL=$(cat /run/secrets/index)
    UV_DEFAULT_INDEX=$PIP_INDEX_URL
    export PIP_INDEX_URL UV_DEFAULT_INDEX
fi
if [ -f /run/secrets/indexes ]; then
    while IFS= read -r line; do export "${line?}"; done </run/secrets/indexes
fi
exec "$@"
