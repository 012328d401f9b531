# From a FastAPI project's source to a small image. Four targets (docker build --target NAME .):
#   builder      the locked dependencies and the application, with the tools that put them together
#   slim         PYTHON_IMAGE with the dependencies and the application: a shell for those who need one
#   production   from scratch: interpreter, the libraries that it needs, dependencies, application (the default)
#   test         production (or TEST_BASE) with pytest and the unit tests: run it, and it runs them
# Behind a proxy that inspects TLS: --secret id=ca,src=BUNDLE. From an index of your own: --secret id=index,env=URL.

# Any image with CPython on a Debian-like system: Python may live in /usr/local or in /usr.
ARG PYTHON_IMAGE=python:3.13-slim
ARG TEST_BASE=production
# The folder with pyproject.toml and the lock file; where the application runs, and where it listens.
ARG APP_DIR=backend APP_WORKDIR=/app PORT=8000
# Numeric, so that Kubernetes sees that it is not root; above 10000, so that the host has no such user.
ARG UID=10001 GID=10001
ARG MAINTAINER="Todo Chatbot API team"

# The scripts of the build and of the image; `--build-context drydock=FOLDER` takes them from elsewhere.
FROM scratch AS drydock
COPY drydock/container/ /

# The lock files alone: a source change cannot invalidate what is built from them. [k] lets a file be absent.
FROM scratch AS locks
ARG APP_DIR
COPY ${APP_DIR}/pyproject.toml ${APP_DIR}/uv.loc[k] ${APP_DIR}/requirements.loc[k] /

# The modules that were measured to matter get bytecode in production; where none was measured, all do.
FROM scratch AS assembly
ARG APP_DIR
COPY --from=drydock assemble /assemble/
COPY ${APP_DIR}/image/bytecode.txt /
# --- builder ------------------------------------------------------------------------------------------------
# uv takes this Python and fetches no other; it copies out of its cache mount, another file system.
FROM ${PYTHON_IMAGE} AS python
ENV PATH=/install/uv/bin:$PATH PYTHONPATH=/drydock PYTHONHASHSEED=0 PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore \
    UV_LINK_MODE=copy UV_PYTHON=python3 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
# Mounted where it is needed: BuildKit reads every file below a RUN with a secret, unless that is the base itself.
# Also, BuildKit links each step with all earlier ones that used the same: `divide` takes a copy that lies below.
FROM python AS tools
RUN --mount=type=bind,from=drydock,target=/mnt --mount=type=secret,id=ca --mount=type=secret,id=index \
    cp -r /mnt /drydock && mv /drydock/install / && python3 -X pycache_prefix=/drydock/pyc -c "import divide.__main__" \
    && sh /install/download.sh python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --target=/install/uv --require-hashes --requirement=/install/uv.txt
# The dependencies, exactly as locked and without the project itself.
FROM python AS dependencies
RUN --mount=type=bind,from=tools,source=/install,target=/install --mount=type=bind,from=locks,target=/locks \
    --mount=type=cache,id=uv,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=index set -eu; \
    if [ -f /locks/uv.lock ]; then \
        sh /install/download.sh uv sync --project=/locks --frozen --no-install-project --no-default-groups; \
    else uv venv --quiet /opt/venv; \
        sh /install/download.sh uv pip sync --python=/opt/venv --require-hashes /locks/requirements.lock; fi; \
    uv pip check --python=/opt/venv

# `divide` writes into one file what is served and how: the ARGs, where a:b names two folders and an empty one says
# that the application has no such function. It makes two layers: code, and the rest.
# SOURCE_SHARD: `drydock build` computes it from the source, and it keeps BuildKit's lists of earlier builds short.
FROM dependencies AS builder
ARG APP_DIR APP_WORKDIR PORT UID GID SOURCE_SHARD=0
ARG APP_ENTRY_POINT=todo_api.main:create_app APP_FACTORY=1 APP_OPTIONS="" APP_PATH=/app APP_LOGGING=1
ARG APP_SETTINGS_CHECK=todo_api.startup:check APP_MIGRATE=todo_api.startup:migrate HEALTH_HOST="" HEALTH_PATH=/livez
COPY --from=tools --chown=${SOURCE_SHARD} /drydock /drydock
COPY ${APP_DIR}/todo_api /rootfs/app/todo_api
RUN --network=none python3 -X pycache_prefix=/drydock/pyc -m divide /rootfs /layers
# --- slim ---------------------------------------------------------------------------------------------------
FROM dependencies AS compiled
RUN --network=none --mount=type=bind,from=drydock,source=assemble,target=/drydock/assemble python3 -m assemble bytecode
FROM ${PYTHON_IMAGE} AS slim
COPY --from=compiled /opt/venv /opt/venv
COPY --from=builder /layers/resources/ /
# These settings are production's too: FROM takes over those of its own base alone, and the bases differ.
ARG APP_WORKDIR PORT UID GID MAINTAINER
WORKDIR ${APP_WORKDIR}
# The environment's programs come first. Nothing is written beside the code: the file system is read-only.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LOGNAME=app LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE ${PORT}
USER ${UID}:${GID}
# -I -S: neither variables nor what is installed can change what a probe does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/opt/venv/bin/python3","-I","-S","/opt/image/probe.py"]
# Becomes uvicorn, which SIGTERM reaches directly.
ENTRYPOINT ["/opt/venv/bin/python3", "/opt/image/start.py"]
CMD ["serve"]
STOPSIGNAL SIGTERM
LABEL maintainer="${MAINTAINER}"
# Last: after a change of source, this step alone runs.
COPY --from=builder /layers/code/ /
# --- production: layers by rate of change -------------------------------------------------------------------
FROM python AS runtime
RUN --network=none --mount=type=bind,from=assembly,target=/drydock python3 -m assemble runtime
# EXTRA_FILES: what the application opens by name and nothing else tells of: libmagic.so.1 git /usr/share/misc/magic*
FROM dependencies AS assembled
ARG EXTRA_FILES=""
RUN --network=none --mount=type=bind,from=assembly,target=/drydock \
    --mount=type=bind,from=runtime,source=/layers,target=/below python3 -m assemble dependencies "${EXTRA_FILES}"

# What the application imports and opens by name: a missing library fails here; production waits for that.
FROM assembled AS traced
RUN --network=none --mount=type=bind,from=tools,source=/drydock/trace,target=/trace \
    --mount=type=bind,from=builder,source=/layers/imports.txt,target=/imports.txt \
    --mount=type=bind,from=runtime,source=/layers,target=/below \
    /layers/dependencies/opt/venv/bin/python3 /trace imports /imports.txt > /libraries.txt
COPY --from=builder /layers/resources/ /layers/resources/

FROM scratch AS production
COPY --from=runtime /layers/runtime/ /
COPY --from=assembled /layers/dependencies/ /
COPY --from=traced /layers/resources/ /
ARG APP_WORKDIR PORT UID GID MAINTAINER
WORKDIR ${APP_WORKDIR}
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LOGNAME=app LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE ${PORT}
USER ${UID}:${GID}
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/opt/venv/bin/python3","-I","-S","/opt/image/probe.py"]
ENTRYPOINT ["/opt/venv/bin/python3", "/opt/image/start.py"]
CMD ["serve"]
STOPSIGNAL SIGTERM
LABEL maintainer="${MAINTAINER}"
COPY --from=builder /layers/code/ /
# --- test ---------------------------------------------------------------------------------------------------
# pytest and its companions, and nothing that the image has already. Then the real start under the loader's eyes.
FROM assembled AS test-dependencies
ARG APP_DIR
COPY ${APP_DIR}/pyproject.toml ${APP_DIR}/uv.loc[k] ${APP_DIR}/requirements-test.loc[k] /locks/
WORKDIR /locks
RUN --mount=type=bind,from=tools,source=/install,target=/install --mount=type=cache,id=uv,target=/root/.cache/uv \
    --mount=type=secret,id=ca --mount=type=secret,id=index set -eu; \
    [ ! -f uv.lock ] || uv export --quiet --frozen --no-emit-project --all-groups -o requirements-test.lock; \
    python3 /install/difference.py requirements-test.lock /opt/venv > rest.txt; \
    sh /install/download.sh uv pip install --python=/opt/venv --target=/opt/test --compile-bytecode --no-deps \
        --require-hashes --requirement=rest.txt
RUN --network=none --mount=type=bind,from=tools,source=/drydock/trace,target=/trace \
    --mount=type=bind,from=builder,source=/rootfs,target=/rootfs \
    --mount=type=bind,from=runtime,source=/layers,target=/below \
    /layers/dependencies/opt/venv/bin/python3 /trace start /rootfs > /opt/test/libraries.txt
FROM ${TEST_BASE} AS test
ARG APP_DIR
COPY --from=test-dependencies /opt/test /opt/test
COPY ${APP_DIR}/pyproject.toml /app/
COPY ${APP_DIR}/tests /app/tests
# No cache folder: the file system is read-only.
ENV PYTHONPATH=/opt/test PYTEST_ADDOPTS="-p no:cacheprovider"
HEALTHCHECK NONE
ENTRYPOINT ["/opt/venv/bin/python3", "-m", "pytest"]
# A build without --target makes this one.
FROM production
