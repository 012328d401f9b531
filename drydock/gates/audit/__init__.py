"""Look up known vulnerabilities of everything in the image; fails when no database answers.

It fails closed: a source that could not be asked, a package that was skipped, an empty list of components and
a database that is too old each end as "could not check", which is neither "vulnerable" nor ever "passed".
"""

from drydock.gates.audit.gate import FACTS, judge

__all__ = ["FACTS", "judge"]
