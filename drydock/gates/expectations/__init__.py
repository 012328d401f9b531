"""A project's expectations of its image, read strictly from TOML, and findings accepted for a time."""

from drydock.gates.expectations.findings import CouldNotAskError as CouldNotAskError
from drydock.gates.expectations.findings import Finding as Finding
from drydock.gates.expectations.findings import Ignore as Ignore
from drydock.gates.expectations.findings import Report as Report
from drydock.gates.expectations.findings import Severity as Severity
from drydock.gates.expectations.findings import fresh as fresh
from drydock.gates.expectations.findings import judge as judge
from drydock.gates.expectations.findings import sift as sift
from drydock.gates.expectations.model import Expectations as Expectations
from drydock.gates.expectations.read import INPUTS as INPUTS
from drydock.gates.expectations.read import PLACE as PLACE
from drydock.gates.expectations.read import load as load
from drydock.gates.expectations.read import make as make
