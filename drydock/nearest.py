"""Suggest the word that somebody meant."""

from __future__ import annotations

from collections.abc import Iterable

# Half of the letters in place is a slip of the fingers; less is another word.
CLOSE_ENOUGH = 0.55


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like one that is not known; None where none looks like it.

    Args:
        word: What somebody typed.
        known: What there is.
    """
    import difflib  # only ever needed after a mistake

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=CLOSE_ENOUGH)), None)


def suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return an error's next step: the nearest known word as a question, or else another way.

    Args:
        word: What somebody typed.
        known: What there is.
        otherwise: The next step where nothing looks like the word.
    """
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else otherwise


def choices(word: str, known: Iterable[str]) -> str:
    """Return what there is to choose from, for an error that lists it, with the nearest word as a question.

    Args:
        word: What somebody typed.
        known: What there is.
    """
    listed = list(known)
    found = nearest(word, listed)
    return ", ".join(listed) + (f" (did you mean `{found}`?)" if found else "")
