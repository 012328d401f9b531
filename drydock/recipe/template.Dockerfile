{% if outside %}
# Rendered by drydock at each build, from the project's files; `drydock init` writes it down.
{% endif %}
# Targets (--target NAME): builder; slim, on PYTHON_IMAGE, with a shell; production, from scratch (the default);
# test, which is production (or TEST_BASE) with pytest and the tests: run it, and it runs them.

ARG PYTHON_IMAGE=python:{{ blueprint.python }}-slim TEST_BASE=production
# Where the application runs and listens; a numeric user, above 10000, so that the host has no such user.
ARG UID=10001 GID=10001 APP_WORKDIR={{ blueprint.workdir }} PORT={{ blueprint.port }}{{ " MAINTAINER=" ~ quoted(blueprint.maintainer) if blueprint.maintainer }}
{% if vendored %}
# The scripts of the build and of the image.
FROM scratch AS drydock
COPY {{ vendored }}/ /
{% else %}
# The scripts of the build: `drydock build` brings them, or --build-context drydock="$(drydock scripts)".
FROM scratch AS drydock
{% endif %}
{% if blueprint.resolved %}
# The versions that drydock resolved: the project locks none.
FROM scratch AS {{ recipes.RESOLVED }}
{% endif %}
# The lock files alone: a source change cannot invalidate what is built from them.
FROM scratch AS locks
{% set found = blueprint.dependencies %}
{% set lock_root = recipes.lock_root(found) %}
{{ recipes.copies(blueprint, found.files + blueprint.declared, lock_root, "/") }}
# uv takes this Python and fetches no other; it copies out of its cache mount, another file system.
FROM ${PYTHON_IMAGE} AS python
ENV PATH=/install/uv/bin:$PATH PYTHONPATH=/drydock PYTHONHASHSEED=0 PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore \
    UV_LINK_MODE=copy UV_PYTHON=python3 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
{# Mounted where it is needed: BuildKit reads every file below a RUN with a secret, unless that is the base itself. #}
{# What runs after each change of source gets the scripts from here, too: BuildKit links the steps that mount a build's
   context with all such steps of the past, and reads all links. Their bytecode, and the library's, saves 0.15 s. #}
FROM python AS tools
RUN --mount=type=bind,from=drydock,target=/mnt --mount=type=secret,id=ca --mount=type=secret,id=index \
    cp -r /mnt /drydock && mv /drydock/install / && {{ recipes.PYTHON }} -c "import divide.__main__" \
    && sh /install/download.sh python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --target=/install/uv --require-hashes --requirement=/install/uv.txt
FROM python AS dependencies
{% set system = blueprint.system_build or blueprint.system_run %}
{% if system %}
{% if blueprint.system_build %}
# For what is compiled here; the final image gets only the libraries that it then links against.
{% endif %}
{{ recipes.apt(blueprint, blueprint.system_build + blueprint.system_run, recipes.HEADERS if blueprint.system_build else "") }}
{% endif %}
{% if found.locked %}
# The dependencies, exactly as locked and without the project itself.
{% else %}
# The dependencies. They are not locked: the same source may get other versions tomorrow,
# until `drydock lock` writes a lock file and `drydock init` changes these lines.
{% endif %}
{% call recipes.run("--mount=type=bind,from=locks,target=/locks" ~ (",rw" if writes_beside)) %}
{% for step in steps %}
{{ step }}
{% endfor %}
{% if found.locked and blueprint.server == "uvicorn" %}
{# From drydock's own lock, as no requirement names another; the server uses the installed versions. #}
python3 /install/difference.py /install/uvicorn.txt /opt/venv --any-version > /tmp/server.txt
{{ words.download }} uv pip install {{ words.into }} --no-deps --require-hashes --requirement=/tmp/server.txt
{% elif blueprint.server %}
{{ words.download }} uv pip install {{ words.into }} '{{ blueprint.server }}'
{% endif %}
{% if lacks_setuptools %}
python3 /install/undeclared.py /install/setuptools.txt /opt/venv{{ " " ~ shlex.quote(blueprint.resources) if blueprint.resources }} > /tmp/undeclared.txt
{{ words.download }} uv pip install {{ words.into }} --no-deps --require-hashes --requirement=/tmp/undeclared.txt
{% endif %}
{% if declared %}
{# Nothing may be downloaded here: a requirement that the lock lacks is an error. #}
uv pip install {{ words.into }} --quiet --no-index --requirement={{ declared }}
{% endif %}
{% if found.locked %}
{{ recipes.check(blueprint, words.into) }}
{% endif %}
{% endcall %}
{% if blueprint.installed %}
# The project itself is installed{{ ", with tools of " ~ blueprint.build_lock if blueprint.build_lock }}: {{ blueprint.installed }}.
FROM {{ "dependencies" if system else "python" }} AS project
{% if blueprint.version_variables %}
# The build has no .git to read the version from: pass it with --build-arg.
ARG APP_VERSION=0.0.0
{% endif %}
{% set version %}{% for name in blueprint.version_variables %}{{ name }}=$APP_VERSION {% endfor %}{% endset %}
{# In place: paths beside the modules stay valid, and the build adds its generated files. uv's own metadata has a time. #}
{% set target = "/rootfs" ~ blueprint.import_path[0] %}
{% set install = "uv pip install --no-installer-metadata --no-deps --target=" ~ target %}
{% call recipes.run("--mount=type=bind,source=" ~ blueprint.source ~ ",target=/project,rw", *recipes.build_lock(blueprint)) %}
{% if blueprint.build_lock %}
{% if blueprint.build_lock == blueprint.test_lock %}
{# The tests' lock names them in its last part. #}
sed -n '/^{{ build_mark }}/,$p' /build.lock > /tmp/build.lock
{% endif %}
{% set lock = "/tmp/build.lock" if blueprint.build_lock == blueprint.test_lock else "/build.lock" %}
{{ version }}{{ words.download }} uv build --wheel --require-hashes --build-constraints={{ lock }} -o /tmp/wheel /project
{{ install }} --no-index /tmp/wheel/*.whl
{% else %}
{{ version }}{{ words.download }} {{ install }} /project
{% endif %}
rm -rf {{ target }}/bin {{ target }}/.lock{{ " /tmp/wheel" if blueprint.build_lock }}
{% endcall %}
{% endif %}
# `divide` makes two layers: code, and the rest with how it is served. A shard keeps BuildKit's lists of builds short.
FROM dependencies AS builder
ARG APP_WORKDIR PORT UID GID SOURCE_SHARD=0
{%- for name, value in [
  ("APP_ENTRY_POINT", blueprint.entry_point),
  ("APP_FACTORY", blueprint.factory | int),
  ("APP_OPTIONS", quoted(shlex.join(blueprint.options))),
  ("APP_PATH", blueprint.import_path | join(":")),
  ("APP_LOGGING", blueprint.logging | int),
  ("APP_SETTINGS_CHECK", quoted(blueprint.settings_check)),
  ("APP_MIGRATE", quoted(blueprint.migrate)),
  ("APP_COMMANDS", blueprint.workers and quoted(json.dumps(blueprint.workers))),
  ("APP_SCRIPTS", blueprint.scripts and quoted(json.dumps(blueprint.scripts))),
  ("HEALTH_HOST", quoted(blueprint.host)),
  ("HEALTH_PATH", quoted(blueprint.health_path)),
] if value is not mapping %} {{ name }}={{ value }}{% endfor %}

{# Below the source: a mount beside it would be one more list of all earlier builds for BuildKit to read. The owner
   spreads the builds over several such steps: see drydock/build/shard.py. #}
COPY --from=tools --chown=${SOURCE_SHARD} /drydock /drydock
{% set whole = recipes.is_whole(blueprint) and not outside %}
{% set unshipped = recipes.unshipped(blueprint) if whole else () %}
{% if whole %}
# Everything that .dockerignore allows, new packages included{{ "; without the files that only builds and tests read" if unshipped }}.
COPY {{ "." if blueprint.base == "." else blueprint.base ~ "/" }} /rootfs/app/
{% else %}
{{ recipes.copies(blueprint, blueprint.entries, blueprint.base, "/rootfs/app") }}
{% endif %}
{% if blueprint.installed %}
{% if unshipped %}
RUN rm -rf {{ unshipped | join(" ") }}
{% endif %}
COPY --from=project /rootfs/ /rootfs/
{% endif %}
{% if written %}
# Files that the application writes beside its code belong to its user.
{% endif %}
{{ recipes.divide(blueprint, () if blueprint.installed else unshipped) }}
FROM dependencies AS compiled
RUN --network=none --mount=type=bind,from=drydock,source=assemble,target=/drydock/assemble python3 -m assemble bytecode
FROM ${PYTHON_IMAGE} AS slim
{% if blueprint.system_run %}
{{ recipes.apt(blueprint, blueprint.system_run) }}
{% endif %}
COPY --from=compiled /opt/venv /opt/venv
COPY --from=builder /layers/resources/ /
{% set settings %}
ARG APP_WORKDIR PORT UID GID{{ " MAINTAINER" if blueprint.maintainer }}
WORKDIR ${APP_WORKDIR}
# The environment's programs come first. Nothing is written beside the code: the file system is read-only.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LOGNAME=app LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE ${PORT}
{% if blueprint.storage.folders %}
# Files written here outlive the container: mount a volume of your own.
VOLUME {{ json.dumps(blueprint.storage.folders) }}
{% endif %}
USER ${UID}:${GID}
# -I -S: neither variables nor installed packages change the probe. start.py becomes uvicorn, which SIGTERM reaches.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/opt/venv/bin/python3","-I","-S","/opt/image/probe.py"]
ENTRYPOINT ["/opt/venv/bin/python3", "/opt/image/start.py"]
CMD ["serve"]
STOPSIGNAL SIGTERM
{% if blueprint.maintainer %}
LABEL maintainer="${MAINTAINER}"
{% endif %}
COPY --from=builder /layers/code/ /
{% endset %}
{{ settings }}
# Production's layers, by rate of change. EXTRA_FILES: what the application opens by name, such as libmagic.so.1
FROM python AS runtime
RUN --network=none --mount=type=bind,from=drydock,source=assemble,target=/drydock/assemble python3 -m assemble runtime
FROM dependencies AS assembled
ARG EXTRA_FILES={{ quoted(blueprint.extra_files | join(" ")) }}
RUN --network=none --mount=type=bind,from=drydock,target=/drydock \
    --mount=type=bind,from=runtime,source=/layers,target=/below python3 -m assemble dependencies "${EXTRA_FILES}"{% if blueprint.system_run %} {{ quoted(blueprint.system_run | join(" ")) }}{% endif %}

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
{{ uncommented(settings) }}
# pytest and its companions, and nothing that the image has already. Then the real start under the loader's eyes.
FROM assembled AS test-dependencies
{% set test_files = (blueprint.test_lock,) if blueprint.test_lock else () %}
{{ recipes.copies(blueprint, found.files + test_files, lock_root, "/locks") }}
{% set install = words.download ~ " uv pip install --python=/opt/venv --target=/opt/test --no-deps" %}
{% call recipes.run() %}
{% if all_requirements %}
{{ all_requirements }}
{% endif %}
{% if all_requirements or blueprint.test_lock %}
python3 /install/difference.py {{ test_lock }} /opt/venv > /locks/rest.txt
{{ install }}{{ words.release }}{{ words.hashes }} --requirement=/locks/rest.txt
{% endif %}
{% if not blueprint.test_lock %}
{# Development groups may not name pytest; shipped versions of its dependencies are used. #}
python3 /install/difference.py /install/pytest.txt /opt/venv --any-version > /locks/pytest.txt
[ -d /opt/test/pytest ] || {{ install }} --require-hashes --requirement=/locks/pytest.txt
{% endif %}
{% endcall %}
RUN --network=none --mount=type=bind,from=tools,source=/drydock/trace,target=/trace \
    --mount=type=bind,from=builder,source=/rootfs,target=/rootfs \
    --mount=type=bind,from=runtime,source=/layers,target=/below \
    /layers/dependencies/opt/venv/bin/python3 /trace start /rootfs > /opt/test/libraries.txt
FROM ${TEST_BASE} AS test
COPY --from=test-dependencies /opt/test /opt/test
{% set tests = recipes.configuration(blueprint) + blueprint.tests %}
{{ recipes.copies(blueprint, tests, blueprint.base, "/app") or "# No tests are beside the application: after adding some, run `drydock init` again." }}
ENV PYTHONPATH=/opt/test PYTEST_ADDOPTS="-p no:cacheprovider"
HEALTHCHECK NONE
ENTRYPOINT ["/opt/venv/bin/python3", "-m", "pytest"]
FROM production
