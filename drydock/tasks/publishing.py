"""Name an image, push it and sign it."""

from __future__ import annotations

import sys
from pathlib import Path

from invoke import Context

from drydock import errors
from drydock.tasks.offer import offer, patience, pipeline, say, voice


@offer("tagging {target}", version="the version to tag (default: the one in pyproject.toml)")
def tag(
    c: Context,
    target: str = "production",
    version: str = "",
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Tag the built image by the project's version and commit."""
    from drydock.publish import tag, tags
    from drydock.report import print_json

    pipe = pipeline(project, quiet or json)
    names = tags.names(pipe.project, pipe.source, version=version)
    with patience(f"tagging {target}", quiet or json):
        tag.apply(pipe.engine, pipe.project.reference(target), names)
    if json:
        print_json({"tags": list(names)})
    else:
        print("\n".join(names))


@offer("reading the labels of {target}", apply="write the labels that differ, without rebuilding a layer")
def label(
    c: Context,
    target: str = "production",
    apply: bool = False,
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Show the image's labels and check them, or apply those that differ."""
    from drydock.publish import labels, local, relabel
    from drydock.report import console, print_json
    from drydock.report.tables import key_values

    pipe = pipeline(project, quiet or json)
    reference = pipe.project.reference(target)
    wanted = labels.labels_for(pipe.project, pipe.source, pipe.base)
    if apply:
        with patience(f"labelling {target}", quiet or json):
            relabel.apply(pipe.engine, reference, wanted)
    found = dict(local.find(pipe.engine, reference).labels)
    differences = labels.check(found, wanted)
    if json:
        print_json({"labels": found, "differences": [str(one) for one in differences]})
    else:
        key_values(console(), found)
        for one in differences:
            say(f"! {one}")
    # A label without a value anywhere is worth a line, but there is nothing to apply.
    if wrong := [one for one in differences if one.wanted is not None]:
        raise errors.LabelsDiffer(reference=reference, count=len(wrong))


@offer(
    "pushing {target}",
    registry="where to, such as ghcr.io/acme (default: [tool.drydock] registry)",
    allow_dirty="push an image of a tree with uncommitted changes",
    allow_made_base="push an image on a base made here to a registry of another machine",
    force="push without the gates' receipts, for this reason",
    platform="push an index of the builds for these platforms, separated by commas",
)
def push(
    c: Context,
    registry: str = "",
    target: str = "production",
    platform: str = "",
    allow_dirty: bool = False,
    allow_made_base: bool = False,
    force: str = "",
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Push the image under all its tags, and compare the registry's copy."""
    from dataclasses import asdict

    from drydock.publish.push import Permissions
    from drydock.release import ship
    from drydock.report import console, print_json
    from drydock.report.push_progress import shown

    permissions = Permissions(dirty=allow_dirty, made_base=allow_made_base)
    out = shown(console(stderr=True, quiet=quiet or json))
    pushed = ship.push(
        pipeline(project, quiet or json),
        target,
        registry,
        permissions,
        platforms=platform.split(","),
        force=force,
        shown=out,
    )
    if json:
        print_json({"pushed": [asdict(one) for one in pushed]})
    else:
        print("\n".join(f"{one.reference}@{one.digest}" for one in pushed))


@offer(
    "listing the contents of {target}",
    spdx="write SPDX instead of CycloneDX",
    output="the file to write (default: standard output)",
)
def sbom(
    c: Context,
    target: str = "production",
    spdx: bool = False,
    output: str = "",
    project: str = "",
    quiet: bool = False,
) -> None:
    """Write the image's bill of materials: its Python and Debian packages."""
    from drydock.publish import sbom
    from drydock.report.page import file

    pipe = pipeline(project, quiet)
    with patience(f"listing the contents of {target}", quiet):
        bill = sbom.read(pipe.engine, pipe.project.reference(target))
    document = sbom.spdx(bill) if spdx else sbom.cyclonedx(bill)
    if output:
        file.write(Path(output), document.decode())
    else:
        sys.stdout.buffer.write(document)


@offer(
    "signing {target}",
    registry="where the image was pushed (default: [tool.drydock] registry)",
    key="the private key's file or KMS URI (default: your identity, which cosign proves over the network)",
    force="the reason why the image was pushed without receipts, where another machine pushed it",
)
def sign(
    c: Context,
    target: str = "production",
    registry: str = "",
    key: str = "",
    force: str = "",
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Attach bills of materials and provenance to the pushed image, and sign them and it with cosign."""
    from drydock.release import ship
    from drydock.report import print_json

    hushed = quiet or json
    with patience(f"signing {target}", hushed):
        done = ship.sign(pipeline(project, hushed), target, registry, key=key, force=force, say=voice(quiet))
    if json:
        print_json({"attached": {one.media_type: one.digest for one in done}})
    else:
        print("\n".join(f"{one.digest}  {one.media_type}" for one in done))


@offer(
    "verifying the pushed image",
    registry="where the image was pushed (default: [tool.drydock] registry)",
    key="the public key's file or KMS URI",
    identity="the signer, where there is no key",
    issuer="the provider that confirms this identity",
)
def verify(
    c: Context,
    registry: str = "",
    key: str = "",
    identity: str = "",
    issuer: str = "",
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Verify the signatures of the pushed image and of everything attached to it."""
    from drydock.publish.cosign import Identity
    from drydock.release import ship
    from drydock.report import print_json

    who = Identity.given(key, identity, issuer)
    hushed = quiet or json
    with patience("verifying the pushed image", hushed):
        found = ship.verify(pipeline(project, hushed), registry, key=key, identity=who, say=voice(quiet))
    if json:
        print_json({"verified": {one.media_type: one.digest for one in found}})
    else:
        print("\n".join(f"verified {one.digest}  {one.media_type}" for one in found))


@offer(
    "releasing {version}",
    version="the project's version",
    registry="where to, such as ghcr.io/acme (default: [tool.drydock] registry)",
    key="the private key's file or KMS URI (default: your identity, which cosign proves over the network)",
    allow_made_base="release an image on a base made here to a registry of another machine",
    dry_run="print the plan with the steps that are done already, and do nothing",
)
def release(
    c: Context,
    version: str,
    registry: str = "",
    target: str = "production",
    key: str = "",
    allow_made_base: bool = False,
    dry_run: bool = False,
    project: str = "",
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Build, test, push, sign and name a version, in that order; continue where it was stopped."""
    from drydock import release
    from drydock.publish.push import Permissions
    from drydock.report import console, print_json, tables
    from drydock.report import release as report
    from drydock.report.push_progress import shown

    pipe = pipeline(project, quiet or json)
    progress = console(stderr=True, quiet=quiet or json)
    work = release.Work(
        pipe,
        release.decide(version, pipe.project, pipe.source, registry, target, key),
        Permissions(made_base=allow_made_base),
        voice(quiet or json),
        judged=lambda verdict, known: tables.verdict(progress, verdict, receipt=known),
        shown=lambda: shown(progress),
        patience=lambda what: patience(what, quiet or json),
    )
    outcomes = release.foresee(work) if dry_run else list(release.release(work))
    if json:
        print_json(report.as_json(work, outcomes))
    elif dry_run:
        report.show_plan(console(), outcomes)
    else:
        report.show(console(), work, outcomes)
