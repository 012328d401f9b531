"""Take a FastAPI backend from source to a small, tested, labelled image and a running Deployment."""

DISTRIBUTION = "fastapi-drydock"


def version() -> str:
    """Return drydock's version."""
    from importlib import metadata  # a third of what `drydock --version` takes, and no other command needs it

    return metadata.version(DISTRIBUTION)
