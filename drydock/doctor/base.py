"""Examine the base image: its presence and its age."""

from datetime import UTC, datetime

from drydock.base import Base
from drydock.doctor.finding import Finding, ok, unknown, warning
from drydock.engine import Engine
from drydock.project import Project

# Security fixes of Debian and Python reach an image only with a new base.
MOST_DAYS = 60
# Engines write an unknown time as a date in the year 1, or in 1970.
FIRST_YEAR = 1971


def age(engine: Engine, project: Project, found: Base | None, now: datetime | None = None) -> Finding:
    if found is None:
        return unknown("base", f"{project.base} is not on the engine; the first build pulls or makes it")
    attributes = engine.sdk.images.get(found.reference).attrs
    # A base made by drydock has a constant date, so that making it again gives the same image.
    made = found.kind == "made"
    moment = (attributes.get("Metadata") or {})["LastTagTime"] if made else attributes["Created"]
    told = datetime.fromisoformat(str(moment))
    if told.year < FIRST_YEAR:
        return unknown("base", f"{found.reference} ({found.kind}); the engine does not say how old it is")
    days = ((now or datetime.now(UTC)) - told).days
    fact = f"{found.reference} ({found.kind}), {days} days old"
    if days > MOST_DAYS:
        return warning("base", fact, "get its security fixes: `drydock base --rebuild`, then build")
    return ok("base", fact)
