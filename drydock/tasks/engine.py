"""Start and stop the Docker Engine of this machine."""

from drydock.tasks.offer import Given, offer, say


@offer("looking for a Docker Engine", name="start", shared=())
def engine_start(given: Given) -> None:
    """Make sure that a Docker Engine answers, installing and starting one where that is possible."""
    from drydock.engine.install import ensure

    print(f"the engine at {ensure(say).host} answers")


@offer("stopping the Docker Engine", name="stop", shared=())
def engine_stop(given: Given) -> None:
    """Stop the Docker Engine that drydock started, and no other."""
    from drydock.engine.install import stop

    if not stop(say):
        print("drydock started no engine here")
