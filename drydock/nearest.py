"""Suggest the known word nearest to a misspelt one."""

from collections.abc import Iterable

# Half of the letters in place is a typing error; fewer is another word.
CLOSE_ENOUGH = 0.55


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to an unknown one, None without a near one."""
    import difflib  # only needed after a mistake

    # Leading dashes, which all options share, do not make two of them similar.
    bare = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(word.lstrip("-"), bare, n=1, cutoff=CLOSE_ENOUGH)
    return bare[near[0]] if near else None


def suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return an error's next step: the nearest known word as a question, else `otherwise`."""
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else otherwise


def choices(word: str, known: Iterable[str]) -> str:
    """List the choices for an error, with the nearest word as a question."""
    listed = list(known)
    found = nearest(word, listed)
    return ", ".join(listed) + (f" (did you mean `{found}`?)" if found else "")
