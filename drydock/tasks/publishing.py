"""Name an image, push it and sign it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from drydock.errors import BadCommandLine
from drydock.publish.errors import LabelsDiffer
from drydock.spelling import spelled
from drydock.tasks.offer import RESULT, Given, offer, say, voice

if TYPE_CHECKING:
    from drydock.release import Plan, Work

REGISTRY = "where to, such as ghcr.io/acme (default: the configured registry)"
PUSHED = "where the image was pushed (default: the configured registry)"
KEY = "the private key's file or KMS URI (default: your identity, which cosign proves over the network)"


@offer("tagging {target}", version="the version to tag (default: the one in pyproject.toml)")
def tag(given: Given, version: str = "") -> None:
    """Tag the built image by the project's version and commit."""
    from drydock.publish import engine_image, tags

    names = tags.names(given.pipe.project, given.pipe.source, version=version)
    with given.wait(f"tagging {given.target}"):
        engine_image.tag(given.pipe.engine, given.reference, names)
    given.answer({"tags": list(names)}, names)


@offer(
    "reading the labels of {target}",
    apply="write the labels that differ, without rebuilding a layer",
    image="an image on its registry instead, such as ghcr.io/acme/shop:1.4.2",
)
def label(given: Given, apply: bool = False, image: str = "") -> None:
    """Show the image's labels and check them, or apply those that differ."""
    from drydock.publish import engine_image, labels, pull
    from drydock.publish.reference import parse
    from drydock.report.tables import key_values

    pipe, reference = given.pipe, image or given.reference
    if apply and image:
        how = "leave out --image to label the local one, and push it"
        raise BadCommandLine(problem="labels on a registry cannot be changed", how=how)
    remote = parse(image) if image else None
    wanted = labels.labels_for(pipe.project, pipe.source, pipe.base)
    if apply:
        with given.wait(f"labelling {given.target}"):
            engine_image.relabel(pipe.engine, given.reference, wanted)
    found = dict(
        pull.labels(pipe.engine, remote) if remote else engine_image.find(pipe.engine, given.reference).labels
    )
    differences = labels.check(found, wanted)
    content = {"labels": found, "differences": [str(one) for one in differences]}
    given.answer(content, lambda out: key_values(out, found))
    for one in () if given.json else differences:
        say(f"! {one}")
    # A label without any value to apply is shown, but is not an error.
    if wrong := [one for one in differences if one.wanted is not None]:
        raise LabelsDiffer(reference=reference, count=len(wrong))


@offer(
    "pushing {target}",
    registry=REGISTRY,
    allow_dirty="push an image of a tree with uncommitted changes",
    allow_made_base="push an image on a base made here to a registry of another machine",
    force="push without the gates' receipts, for this reason",
    platform="push an index of the builds for these platforms, separated by commas",
)
def push(
    given: Given,
    registry: str = "",
    platform: str = "",
    allow_dirty: bool = False,
    allow_made_base: bool = False,
    force: str = "",
) -> None:
    """Push the image under all its tags, and compare the registry's copy."""
    from drydock import release
    from drydock.publish.push import Permissions

    plan = release.to_push(
        given.pipe.project,
        given.pipe.source,
        registry,
        given.target,
        force=force,
        platforms=tuple(platform.split(",")),
        permissions=Permissions(dirty=allow_dirty, made_base=allow_made_base),
    )
    work = _work(given, plan)
    list(release.carry_out(work))
    lines = (f"{one.reference}@{one.digest}" for one in work.uploads)
    given.answer({"pushed": [asdict(one) for one in work.uploads]}, lines)


@offer(
    "listing the contents of {target}",
    shared=("target", "project", "quiet"),
    spdx="write SPDX instead of CycloneDX",
    output="the file to write (default: standard output)",
)
def sbom(given: Given, spdx: bool = False, output: str = "") -> None:
    """Write the image's bill of materials: its Python and Debian packages."""
    from drydock.publish import sbom
    from drydock.report.page import file

    with given.wait(f"listing the contents of {given.target}"):
        bill = sbom.read(given.pipe.engine, given.reference)
    document = sbom.spdx(bill) if spdx else sbom.cyclonedx(bill)
    if output:
        file.write(Path(output), document.decode())
    else:
        sys.stdout.buffer.write(document)


@offer(
    "making a key pair",
    shared=("quiet", "json"),
    output="the new files' path without .key and .pub; no file is overwritten",
    kms="make the private key elsewhere: at awskms://, gcpkms://, azurekms://, hashivault:// or k8s://",
)
def keys(given: Given, output: str = "cosign", kms: str = "") -> None:
    """Make the key pair that signs images; COSIGN_PASSWORD, or a question, gives its password."""
    from drydock.publish import cosign, keys

    private, public = kms or f"{output}.key", f"{output}.pub"
    made = keys.make(cosign.program(voice(given.hushed)), output, kms)
    given.answer({"private": private, "public": public}, map(str, made))
    if not given.hushed:
        say(spelled(f"sign with `drydock sign --key {private}`, verify with `drydock verify --key {public}`"))


@offer(
    "signing {target}",
    registry=PUSHED,
    key=KEY,
    force="the reason why the image was pushed without receipts, where another machine pushed it",
)
def sign(given: Given, registry: str = "", key: str = "", force: str = "") -> None:
    """Attach bills of materials and provenance to the pushed image, and sign them and it with cosign."""
    from drydock import release

    plan = release.to_sign(
        given.pipe.project, given.pipe.source, registry, given.target, key=key, force=force
    )
    work = _work(given, plan)
    # Shown even with --json: without a key, cosign prints an address to open.
    work.say = voice(given.quiet)
    list(release.carry_out(work))
    attached, signed = list(work.entry.attached), list(work.entry.signed)
    lines = (f"{work.plan.pushed.name}@{one}" for one in (*attached, *signed))
    given.answer({"attached": attached, "signed": signed}, lines)


@offer(
    "verifying the pushed image",
    shared=RESULT,
    registry=PUSHED,
    key="the public key's file or KMS URI",
    identity="the signer, where there is no key",
    issuer="the provider that confirms this identity",
)
def verify(given: Given, registry: str = "", key: str = "", identity: str = "", issuer: str = "") -> None:
    """Verify the signatures of the pushed image and of everything attached to it."""
    from drydock import release
    from drydock.publish.cosign import Identity, require

    require(key)
    who = Identity.given(key, identity, issuer)
    with given.wait("verifying the pushed image"):
        image, found = release.verify(given.pipe, registry, key=key, identity=who, say=voice(given.quiet))
    documents = [{"digest": one.digest, "type": one.kind} for one in found]
    lines = (f"verified {one.digest}  {one.kind}" for one in found)
    given.answer(
        {"verified": {"image": image.digest, "documents": documents}},
        (f"verified {image.digest}  the image", *lines),
    )


@offer(
    "releasing {version}",
    version="the project's version",
    registry=REGISTRY,
    key=KEY,
    allow_made_base="release an image on a base made here to a registry of another machine",
    dry_run="print the plan with the steps that are done already, and do nothing",
)
def release(
    given: Given,
    version: str,
    registry: str = "",
    key: str = "",
    allow_made_base: bool = False,
    dry_run: bool = False,
) -> None:
    """Build, test, push, sign and name a version, in that order; continue where it was stopped."""
    from drydock import release
    from drydock.publish.push import Permissions
    from drydock.report import release as report

    pipe, permissions = given.pipe, Permissions(made_base=allow_made_base)
    plan = release.to_release(
        version, pipe.project, pipe.source, registry, given.target, key=key, permissions=permissions
    )
    work = _work(given, plan)
    outcomes = release.foresee(work) if dry_run else list(release.carry_out(work))
    given.answer(
        report.as_json(work, outcomes),
        lambda out: report.show_plan(out, outcomes) if dry_run else report.show(out, work, outcomes),
    )


def _work(given: Given, plan: Plan) -> Work:
    from drydock.release import Work
    from drydock.report import console, tables
    from drydock.report.push_progress import shown

    progress = console(stderr=True, quiet=given.hushed)
    return Work(
        given.pipe,
        plan,
        voice(given.hushed),
        shown=lambda: shown(progress),
        judged=lambda verdict, known: tables.verdict(progress, verdict, receipt=known),
        patience=given.wait,
    )
