# From a FastAPI project's source to a small image. Four targets:
#
#   builder      the locked dependencies and the application, with the tools that put them together
#   slim         PYTHON_IMAGE with the dependencies and the application: a shell for those who need one
#   production   from scratch: interpreter, the libraries that it needs, dependencies, application; nothing else
#   test         production (or TEST_BASE) with the unit tests and pytest: run it, and it runs them
#
# `invoke init` writes this file for another project: it sets the ARGs, and writes anew what stands between
# `# <name>` and `# </name>`; the rest stays as it is.
#
#   docker build -t todo .                                  the last line of each stage is what it is for
#   docker build --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt .     behind a proxy that inspects TLS
#   docker build --secret id=index,env=INDEX_URL .          from a package index of your own

# Any image with CPython on a Debian-like system: Python may live in /usr/local or in /usr.
ARG PYTHON_IMAGE=python:3.13-slim
# What the `test` target adds the tests to: `production` tests what ships; `slim` is the other choice.
ARG TEST_BASE=production
# The folder with pyproject.toml and the lock file (uv.lock, else requirements.lock with hashes).
ARG APP_DIR=backend
# What is served: package.module:attribute, and whether the attribute is a function that makes the application.
ARG APP_ENTRY_POINT=todo_api.main:create_app
ARG APP_FACTORY=1
# Where its modules are imported from (several folders: a:b), and where it runs: relative paths start there.
ARG APP_PATH=/app
ARG APP_WORKDIR=/app
# Whether the application sets up the logging itself; else uvicorn does.
ARG APP_LOGGING=1
# Called before the start: returns the list of what is wrong with the settings. Empty for none.
ARG APP_SETTINGS_CHECK=todo_api.startup:check
# Called by `migrate` and by RUN_MIGRATIONS=1. Empty for none.
ARG APP_MIGRATE=todo_api.startup:migrate
# What it opens by name at run time and nothing else tells of, separated by spaces: libraries (libmagic.so.1),
# programs (git), paths (/usr/share/misc/magic*). Debian packages that bring them are installed in `dependencies`.
ARG EXTRA_FILES=""
# Where the application listens, and the path that answers while it lives.
ARG PORT=8000
ARG HEALTH_PATH=/livez
# Numeric, so that Kubernetes sees that it is not root; above 10000, so that it is nobody on the host.
ARG UID=10001
ARG GID=10001
# Who answers for the image. Version, revision and dates are given from outside, with --label.
ARG MAINTAINER="Todo Chatbot API team"


# --- builder ------------------------------------------------------------------------------------------------

# The lock files alone: a source change cannot invalidate what is built from them. [k] lets a file be absent.
FROM scratch AS locks
ARG APP_DIR
# <locks>
COPY ${APP_DIR}/pyproject.toml ${APP_DIR}/uv.loc[k] ${APP_DIR}/requirements.loc[k] /
# </locks>

FROM ${PYTHON_IMAGE} AS python
# Logs appear as they are written.
# uv copies out of its cache mount, since links do not reach across file systems.
# uv takes the base image's Python and never fetches another.
# Bytecode that trusts its source needs no time stamps: a build a year later has the same bytes.
# The time that files get: the earliest that every archive format can hold.
ENV PYTHONUNBUFFERED=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    FILE_TIME=1980-01-01T00:00:00Z

FROM python AS dependencies
# uv in a folder of its own, which no later stage copies.
RUN --mount=type=bind,source=image/uv.txt,target=/image/uv.txt \
    --mount=type=bind,source=image/download.sh,target=/image/download.sh \
    --mount=type=secret,id=ca --mount=type=secret,id=index \
    sh /image/download.sh python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check \
        --no-cache-dir --no-compile --target=/opt/uv --require-hashes --requirement=/image/uv.txt \
    && /opt/uv/bin/uv --version

# <dependencies>
# The dependencies, exactly as locked and without the project itself.
RUN --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,source=image/download.sh,target=/image/download.sh \
    --mount=type=cache,id=uv,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=index \
    set -eu; export PATH="/opt/uv/bin:$PATH"; \
    if [ -f /locks/uv.lock ]; then \
        sh /image/download.sh uv sync --project=/locks --python=python3 \
            --frozen --no-install-project --no-default-groups; \
    else \
        uv venv --quiet --python=python3 /opt/venv; \
        sh /image/download.sh uv pip sync --python=/opt/venv --require-hashes /locks/requirements.lock; \
    fi; \
    uv pip check --python=/opt/venv
# </dependencies>

FROM dependencies AS source
ARG APP_DIR
COPY image/start.py image/probe.py /rootfs/opt/image/
# <application>
COPY ${APP_DIR}/todo_api /rootfs/app/todo_api
# </application>

# In two parts: code, which every commit changes, and all that lies beside it, with a list of what the code imports
# and opens. Every file gets the same time: neither a rebuild nor a commit makes a new layer out of the same content.
FROM source AS builder
ARG APP_PATH APP_WORKDIR
RUN --network=none --mount=type=bind,source=image/divide,target=/image/divide \
    PYTHONPATH=/image APP_PATH="${APP_PATH}" APP_WORKDIR="${APP_WORKDIR}" \
    python3 -m divide /rootfs /layers


# --- slim ---------------------------------------------------------------------------------------------------

# Bytecode of everything that is installed; production gets that of what it imports. What does not compile is no
# module: a template, or for another Python. uv's lock is for whoever installs; anybody could write to it.
FROM dependencies AS compiled
RUN --network=none \
    rm -f /opt/venv/.lock; \
    python3 -m compileall -qq -f --workers=0 --invalidation-mode=unchecked-hash /opt/venv || true

FROM ${PYTHON_IMAGE} AS slim
COPY --from=compiled /opt/venv /opt/venv
COPY --from=builder /layers/resources/ /
COPY --from=builder /layers/code/ /
ARG APP_ENTRY_POINT APP_FACTORY APP_PATH APP_WORKDIR APP_LOGGING APP_SETTINGS_CHECK APP_MIGRATE PORT HEALTH_PATH
WORKDIR ${APP_WORKDIR}
# The environment's programs come first; the application is importable from any folder.
# Nothing is written beside the code: the file system is read-only.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=${APP_PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    APP_ENTRY_POINT=${APP_ENTRY_POINT} \
    APP_FACTORY=${APP_FACTORY} \
    APP_LOGGING=${APP_LOGGING} \
    APP_SETTINGS_CHECK=${APP_SETTINGS_CHECK} \
    APP_MIGRATE=${APP_MIGRATE} \
    PORT=${PORT} \
    HEALTH_PATH=${HEALTH_PATH}
EXPOSE ${PORT}
ARG UID GID
USER ${UID}:${GID}
# -I -S: neither variables nor what is installed can change what a probe does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["/opt/venv/bin/python3", "-I", "-S", "/opt/image/probe.py"]
# -P keeps the script's own folder off the import path. SIGTERM reaches it directly: there is no shell between.
ENTRYPOINT ["/opt/venv/bin/python3", "-P", "/opt/image/start.py"]
CMD ["serve"]
STOPSIGNAL SIGTERM
# Last, because they change most often and cost nothing.
ARG MAINTAINER
LABEL maintainer="${MAINTAINER}"


# --- production ---------------------------------------------------------------------------------------------

# The measured imports, which get bytecode; without the file, all modules do.
FROM scratch AS profile
COPY image/bytecode.tx[t] image/uv.txt /

# The root file system in layers by rate of change: runtime, dependencies, resources, application.
FROM python AS runtime
ARG UID
ARG GID
RUN --network=none --mount=type=bind,source=image/assemble,target=/image/assemble \
    --mount=type=bind,from=profile,target=/profile \
    set -eu; export PYTHONPATH=/image PYTHONHASHSEED=0; \
    python3 -m assemble runtime /layers/runtime --profile=/profile/bytecode.txt --user="${UID}" --group="${GID}"; \
    find /layers/runtime -exec touch --no-dereference --date="${FILE_TIME}" {} +

FROM dependencies AS assembled
ARG EXTRA_FILES
RUN --network=none --mount=type=bind,source=image/assemble,target=/image/assemble \
    --mount=type=bind,from=runtime,source=/layers/runtime,target=/layers/runtime \
    --mount=type=bind,from=profile,target=/profile \
    set -eu; export PYTHONPATH=/image PYTHONHASHSEED=0; \
    python3 -m assemble dependencies /layers/dependencies --profile=/profile/bytecode.txt \
        --below=/layers/runtime --environment=/opt/venv --extras="${EXTRA_FILES}"; \
    find /layers/dependencies -exec touch --no-dereference --date="${FILE_TIME}" {} +

# What the application imports and opens by name, as the loader sees it: a library that the image lacks fails here.
# A source change that imports nothing new finds this in the cache.
FROM assembled AS traced
RUN --network=none --mount=type=bind,source=image/trace,target=/image/trace \
    --mount=type=bind,from=runtime,source=/layers/runtime,target=/layers/runtime \
    --mount=type=bind,from=builder,source=/layers/imports.txt,target=/imports.txt \
    /opt/venv/bin/python3 /image/trace imports /imports.txt /layers/runtime /layers/dependencies > /libraries.txt
# They only pass: what takes them from here waits for what stands above.
COPY --from=builder /layers/resources/ /layers/resources/

FROM scratch AS production
COPY --from=runtime /layers/runtime/ /
COPY --from=assembled /layers/dependencies/ /
COPY --from=traced /layers/resources/ /
ARG APP_WORKDIR
WORKDIR ${APP_WORKDIR}
COPY --from=builder /layers/code/ /
ARG APP_ENTRY_POINT APP_FACTORY APP_PATH APP_LOGGING APP_SETTINGS_CHECK APP_MIGRATE PORT HEALTH_PATH
# The environment's programs come first; the application is importable from any folder.
# Nothing is written beside the code: the file system is read-only.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=${APP_PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    APP_ENTRY_POINT=${APP_ENTRY_POINT} \
    APP_FACTORY=${APP_FACTORY} \
    APP_LOGGING=${APP_LOGGING} \
    APP_SETTINGS_CHECK=${APP_SETTINGS_CHECK} \
    APP_MIGRATE=${APP_MIGRATE} \
    PORT=${PORT} \
    HEALTH_PATH=${HEALTH_PATH}
EXPOSE ${PORT}
ARG UID GID
USER ${UID}:${GID}
# -I -S: neither variables nor what is installed can change what a probe does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["/opt/venv/bin/python3", "-I", "-S", "/opt/image/probe.py"]
# -P keeps the script's own folder off the import path. SIGTERM reaches it directly: there is no shell between.
ENTRYPOINT ["/opt/venv/bin/python3", "-P", "/opt/image/start.py"]
CMD ["serve"]
STOPSIGNAL SIGTERM
# Last, because they change most often and cost nothing.
ARG MAINTAINER
LABEL maintainer="${MAINTAINER}"


# --- test ---------------------------------------------------------------------------------------------------

# pytest and its kin, and nothing that the image has already: the tests run against the versions that ship.
FROM dependencies AS test-dependencies
ENV UV_COMPILE_BYTECODE=1
ARG APP_DIR
# <test-dependencies>
COPY ${APP_DIR}/pyproject.toml ${APP_DIR}/uv.loc[k] ${APP_DIR}/requirements-test.loc[k] /locks/
RUN --mount=type=bind,source=image/download.sh,target=/image/download.sh \
    --mount=type=bind,source=image/difference.py,target=/image/difference.py \
    --mount=type=cache,id=uv,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=index \
    set -eu; export PATH="/opt/uv/bin:$PATH"; \
    if [ -f /locks/uv.lock ]; then \
        uv export --quiet --project=/locks --frozen --no-emit-project --all-groups --output-file=/locks/requirements-test.lock; \
    fi; \
    python3 /image/difference.py /locks/requirements-test.lock /opt/venv > /locks/rest.txt; \
    sh /image/download.sh uv pip install --python=/opt/venv --target=/opt/test --no-deps --require-hashes \
        --requirement=/locks/rest.txt
# </test-dependencies>

# The real start under the loader's eyes, as far as it comes without a request.
FROM assembled AS started
ARG APP_ENTRY_POINT APP_FACTORY APP_PATH APP_WORKDIR
RUN --network=none --mount=type=bind,source=image/trace,target=/image/trace \
    --mount=type=bind,from=runtime,source=/layers/runtime,target=/layers/runtime \
    --mount=type=bind,from=source,source=/rootfs,target=/rootfs \
    APP_ENTRY_POINT="${APP_ENTRY_POINT}" APP_FACTORY="${APP_FACTORY}" APP_PATH="${APP_PATH}" APP_WORKDIR="${APP_WORKDIR}" \
    /opt/venv/bin/python3 /image/trace start /rootfs /layers/runtime /layers/dependencies > /libraries.txt

FROM ${TEST_BASE} AS test
ARG APP_DIR
COPY --from=test-dependencies /opt/test /opt/test
COPY --from=started /libraries.txt /opt/test/
# <tests>
COPY ${APP_DIR}/pyproject.toml /app/
COPY ${APP_DIR}/tests /app/tests
# </tests>
# No cache folder: the file system is read-only but for /tmp.
ENV PYTHONPATH=${PYTHONPATH}:/opt/test \
    PYTEST_ADDOPTS="-p no:cacheprovider"
HEALTHCHECK NONE
ENTRYPOINT ["/opt/venv/bin/python3", "-m", "pytest"]
CMD []

# <bytecode>

# --- bytecode -----------------------------------------------------------------------------------------------

# Which modules the application imports on the paths whose speed counts, measured anew. After a change of
# dependencies:   docker build --target bytecode --output image .
FROM builder AS measured
ARG APP_ENTRY_POINT APP_FACTORY APP_LOGGING APP_SETTINGS_CHECK APP_MIGRATE HEALTH_PATH
RUN --mount=type=bind,source=image/measure,target=/image/measure \
    PYTHONPATH=/rootfs/app HEALTH_PATH="${HEALTH_PATH}" APP_ENTRY_POINT="${APP_ENTRY_POINT}" APP_FACTORY="${APP_FACTORY}" \
    APP_LOGGING="${APP_LOGGING}" APP_SETTINGS_CHECK="${APP_SETTINGS_CHECK}" APP_MIGRATE="${APP_MIGRATE}" \
    /opt/venv/bin/python3 /image/measure /rootfs/opt/image/start.py > /bytecode.txt

FROM scratch AS bytecode
COPY --from=measured /bytecode.txt /
# </bytecode>
