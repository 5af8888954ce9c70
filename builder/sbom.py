"""What is in an artefact, as a bill of materials in CycloneDX's form, the same bytes for the same artefact.

It has no time but SOURCE_DATE_EPOCH, and its serial number is made of what it is about.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from builder import __version__
from builder.artefacts import Artefact
from builder.certificate import Package, Source, named_in
from builder.context import Context
from builder.elf import shared_libraries
from builder.linked import Contents

_ALGORITHMS = {"md5": HashAlgorithm.MD5, "sha256": HashAlgorithm.SHA_256, "sha512": HashAlgorithm.SHA_512}


def render_sbom(artefact: Artefact, contents: Contents, context: Context) -> str:
    """The text of the bill of materials of ``artefact``."""
    roots = [package for package in context.locked if package.name in context.project.packages]
    subject = _subject(artefact, contents, context, roots)
    digests = dict(context.inputs.folders)
    parts = {package.name: _component(package, digests) for package in contents.packages}
    shared = [_shared(name) for name in shared_libraries(artefact.path)]
    identity = " ".join((artefact.name, artefact.digest, context.project.name, context.target))
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, identity), components=[*parts.values(), *shared])
    bom.metadata.timestamp = datetime.fromtimestamp(
        int(dict(context.environment).get("SOURCE_DATE_EPOCH", 0)), UTC
    )
    bom.metadata.component = subject
    bom.metadata.tools.components.add(
        Component(name="mono-build", type=ComponentType.APPLICATION, version=__version__)
    )
    uses = {package.name: _uses([package], parts.keys() - {package.name}) for package in contents.packages}
    for name, used in uses.items():
        bom.register_dependency(parts[name], [parts[other] for other in used])
    for_others = {name for used in uses.values() for name in used}
    own = sorted({*_uses(roots, parts.keys()), *(parts.keys() - for_others)})
    bom.register_dependency(subject, [*(parts[name] for name in own), *shared])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _subject(artefact: Artefact, contents: Contents, context: Context, roots: Sequence[Package]) -> Component:
    linked = "known" if contents.known else "unknown, so all that was locked is listed"
    return Component(
        name=artefact.name,
        type=ComponentType.APPLICATION,
        bom_ref=artefact.name,
        version=roots[0].version if roots else None,
        hashes=[_hash("sha256", artefact.digest.removeprefix("sha256:"))],
        licenses=_licences(list(dict.fromkeys(licence for root in roots for licence in root.licences))),
        properties=[
            Property(name="mono:project", value=context.project.name),
            Property(name="mono:target", value=context.target),
            Property(name="mono:linked", value=linked),
        ],
    )


def _component(package: Package, digests: dict[str, str]) -> Component:
    source = package.source
    told = {
        "mono:repository": package.repository,
        "mono:port-of": package.port_of,
        "mono:folder": source.folder if source else None,
        "mono:tree": digests.get(source.folder) if source else None,
    }
    return Component(
        name=package.name,
        bom_ref=package.name,
        version=package.version,
        purl=PackageURL("opam", None, package.name, package.version),
        licenses=_licences(package.licences),
        external_references=[] if source is None else [_origin(source)],
        properties=[Property(name=name, value=value) for name, value in told.items() if value is not None],
    )


def _shared(name: str) -> Component:
    """A library that the system lends when the artefact runs."""
    return Component(
        name=name, bom_ref=f"shared {name}", properties=[Property(name="mono:linked", value="shared")]
    )


def _origin(source: Source) -> ExternalReference:
    if source.commit is not None:
        return ExternalReference(
            type=ExternalReferenceType.VCS, url=XsUri(source.url), comment=f"commit {source.commit}"
        )
    hashes = (checksum.partition("=") for checksum in source.checksums)
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(source.url),
        hashes=[_hash(algorithm, digits) for algorithm, _, digits in hashes],
    )


def _hash(algorithm: str, digits: str) -> HashType:
    return HashType(alg=_ALGORITHMS[algorithm], content=digits)


def _licences(texts: Sequence[str]) -> list[License]:
    """One licence as an expression if need be; CycloneDX takes no expression among several."""
    factory = LicenseFactory()
    if len(texts) == 1:
        return [factory.make_from_string(texts[0].strip())]
    return [_one_of_several(factory, text.strip()) for text in texts]


def _one_of_several(factory: LicenseFactory, text: str) -> License:
    try:
        return factory.make_with_id(text)
    except InvalidSpdxLicenseException:
        return factory.make_with_name(text)


def _uses(packages: Sequence[Package], names: Set[str]) -> list[str]:
    """Those of ``names`` that the packages need, whatever else may do instead."""
    needed = {name for package in packages for need in package.needs for name in named_in(need)}
    return sorted(needed & names)
