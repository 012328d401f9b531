"""The in-toto project's own classes, to which unknown fields and wrong types are errors."""

from __future__ import annotations

import sys
from pathlib import Path

from drydock import command

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


def validate(document: bytes) -> command.Completed:
    """Hold provenance against the schemas of in-toto and SLSA, in an environment of its own."""
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--isolated", "--no-project"]
    return command.run(
        [*uv, f"--with-requirements={LOCK}", "python", "-c", VALIDATE],
        stdin=document.decode(),
        env={"UV_SYSTEM_CERTS": "1"},
        check=False,
    )
