"""Decide a project's recipe from its files, and write it into the project on request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.recipe.blueprint import Blueprint
    from drydock.recipe.files import EXTRAS, Outcome, decided, init, plan, render
    from drydock.recipe.writing import Change

__all__ = ["EXTRAS", "Blueprint", "Change", "Outcome", "decided", "init", "plan", "render"]


def __getattr__(name: str) -> object:
    """Import the whole recipe at its first use: a build from a written Dockerfile only checks that one."""
    if name not in __all__:
        raise AttributeError(name)
    from drydock.recipe import files

    return vars(files)[name]
