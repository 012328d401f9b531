"""The in-toto project's own classes, which reject unknown fields and wrong types."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from drydock import command
from drydock.publish.provenance import PREDICATE_TYPE

LOCK = Path(__file__).with_name("in-toto.lock")
VALIDATE = """
import json, sys
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
document = json.load(sys.stdin)
Statement.copy_from_pb(json_format.ParseDict(document, Message())).validate()
found = json_format.ParseDict(document["predicate"], Provenance())
assert found.build_definition.build_type and found.build_definition.external_parameters
assert found.run_details.builder.id
"""


def validate(predicate: bytes) -> command.Completed:
    """Validate provenance against the schemas of in-toto and SLSA, in a separate environment."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry.example/acme/todo", "digest": {"sha256": "ab" * 32}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": json.loads(predicate),
    }
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--isolated", "--no-project"]
    return command.run(
        [*uv, f"--with-requirements={LOCK}", "python", "-c", VALIDATE],
        stdin=json.dumps(statement),
        env={"UV_SYSTEM_CERTS": "1"},
        check=False,
    )
