"""Name an image, push it and sign it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Context

from drydock.publish.errors import LabelsDiffer
from drydock.tasks.offer import offer, patience, pipeline, say, voice

if TYPE_CHECKING:
    from drydock.release import Plan, Work
    from drydock.workspace import Workspace


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
    from drydock.publish import engine_image, tags
    from drydock.report import print_json

    pipe = pipeline(project, quiet or json)
    names = tags.names(pipe.project, pipe.source, version=version)
    with patience(f"tagging {target}", quiet or json):
        engine_image.tag(pipe.engine, pipe.project.reference(target), names)
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
    from drydock.publish import engine_image, labels, relabel
    from drydock.report import console, print_json
    from drydock.report.tables import key_values

    pipe = pipeline(project, quiet or json)
    reference = pipe.project.reference(target)
    wanted = labels.labels_for(pipe.project, pipe.source, pipe.base)
    if apply:
        with patience(f"labelling {target}", quiet or json):
            relabel.apply(pipe.engine, reference, wanted)
    found = dict(engine_image.find(pipe.engine, reference).labels)
    differences = labels.check(found, wanted)
    if json:
        print_json({"labels": found, "differences": [str(one) for one in differences]})
    else:
        key_values(console(), found)
        for one in differences:
            say(f"! {one}")
    # A label without a value anywhere is worth a line, but there is nothing to apply.
    if wrong := [one for one in differences if one.wanted is not None]:
        raise LabelsDiffer(reference=reference, count=len(wrong))


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

    from drydock import release
    from drydock.publish.push import Permissions
    from drydock.report import print_json

    pipe = pipeline(project, quiet or json)
    plan = release.to_push(
        pipe.project,
        pipe.source,
        registry,
        target,
        force=force,
        platforms=platform.split(","),
        permissions=Permissions(dirty=allow_dirty, made_base=allow_made_base),
    )
    work = _work(pipe, plan, quiet or json)
    list(release.carry_out(work))
    pushed = work.uploads
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
    from drydock import release
    from drydock.report import print_json

    pipe = pipeline(project, quiet or json)
    plan = release.to_sign(pipe.project, pipe.source, registry, target, key=key, force=force)
    work = _work(pipe, plan, quiet or json)
    # Without a key, cosign has an address to open.
    work.say = voice(quiet)
    list(release.carry_out(work))
    done = [*work.entry.attached, *work.entry.signed]
    if json:
        print_json({"attached": list(work.entry.attached), "signed": list(work.entry.signed)})
    else:
        print("\n".join(f"{work.plan.pushed.name}@{one}" for one in done))


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
    from drydock import release
    from drydock.publish.cosign import Identity, require
    from drydock.report import print_json

    require(key)
    who = Identity.given(key, identity, issuer)
    hushed = quiet or json
    with patience("verifying the pushed image", hushed):
        image, found = release.verify(
            pipeline(project, hushed), registry, key=key, identity=who, say=voice(quiet)
        )
    if json:
        documents = [{"digest": one.digest, "type": one.kind} for one in found]
        print_json({"verified": {"image": image.digest, "documents": documents}})
    else:
        lines = [f"{image.digest}  the image", *(f"{one.digest}  {one.kind}" for one in found)]
        print("\n".join(f"verified {line}" for line in lines))


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
    from drydock.report import console, print_json
    from drydock.report import release as report

    pipe = pipeline(project, quiet or json)
    permissions = Permissions(made_base=allow_made_base)
    plan = release.to_release(
        version, pipe.project, pipe.source, registry, target, key=key, permissions=permissions
    )
    work = _work(pipe, plan, quiet or json)
    outcomes = release.foresee(work) if dry_run else list(release.carry_out(work))
    if json:
        print_json(report.as_json(work, outcomes))
    elif dry_run:
        report.show_plan(console(), outcomes)
    else:
        report.show(console(), work, outcomes)


def _work(pipe: Workspace, plan: Plan, hushed: bool) -> Work:
    from drydock.release import Work
    from drydock.report import console, tables
    from drydock.report.push_progress import shown

    progress = console(stderr=True, quiet=hushed)
    return Work(
        pipe,
        plan,
        voice(hushed),
        shown=lambda: shown(progress),
        judged=lambda verdict, known: tables.verdict(progress, verdict, receipt=known),
        patience=lambda what: patience(what, hushed),
    )
