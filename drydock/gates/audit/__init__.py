"""`nox -s audit`: known vulnerabilities in the Python distributions and Debian packages really in the image.

It fails closed: a source that could not be asked, a package that was skipped, an empty list of components and
a database that is too old each end as "could not check", which is neither "vulnerable" nor ever "passed".
"""

from drydock.gates.audit.gate import GATE, run

__all__ = ["GATE", "run"]
