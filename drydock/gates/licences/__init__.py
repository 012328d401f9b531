"""Hold the licences of everything in the image against the allow-list.

A distribution's licence is what its METADATA says; a Debian package's is what its copyright file says, taken
from the image or, where the image leaves documentation out, from the very same version of the package. What
neither says is "could not check" until the project declares it.
"""

from drydock.gates.licences.gate import FACTS, judge

__all__ = ["FACTS", "judge"]
