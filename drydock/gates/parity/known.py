"""Where production differs from slim on purpose, each with its reason; docs/background lists them."""

from datetime import date

from drydock.gates.expectations.findings import Ignore


def _kept(check: str, subject: str, reason: str) -> Ignore:
    return Ignore(check, reason, date.max, subject)


_SHELL = "production has no shell and no program of the system: an attacker finds none either"
_HOOK = "Debian's sitecustomize looks for a crash reporter, and would keep a dependency's own from running"
_INSTALLS = "production installs nothing"
_DISPLAY = "it draws on a display through libtk, which slim lacks as well"
_TESTS = "CPython's own tests"
_LOADER = "nothing rewrites the loader's list"
_UNNEEDED = "a library that nothing in the environment needs is left out"
KNOWN = (
    _kept("a shell", "*", _SHELL),
    _kept("programs of the system", "*", _SHELL),
    _kept("starters of programs", "*", _SHELL),
    _kept("files of the system", "/etc/shells", _SHELL),
    _kept("files of the system", "/etc/ld.so.conf", _LOADER),
    _kept("modules at start", "*sitecustomize", _HOOK),
    _kept("names of the standard library", "*sitecustomize", _HOOK),
    _kept("names of the standard library", "ensurepip", _INSTALLS),
    _kept("modules of the standard library", "ensurepip", _INSTALLS),
    _kept("what installs", "*", _INSTALLS),
    _kept("names of the standard library", "t[ku]*", _DISPLAY),
    _kept("modules of the standard library", "t[ku]*", _DISPLAY),
    # The official images have the module without its library.
    _kept("modules of the standard library", "_tkinter", _DISPLAY),
    _kept("terminals", "tkinter", _DISPLAY),
    _kept("names of the standard library", "idlelib", _DISPLAY),
    _kept("names of the standard library", "test", _TESTS),
    _kept("modules of the standard library", "_test*", _TESTS),
    _kept("modules of the standard library", "xx*", "examples of extension modules"),
    _kept("find_library of the compiler's", "*", _UNNEEDED),
    _kept("libraries by name", "libuuid.so.1", _UNNEEDED),
    # apt brings it into slim; production has it where a wheel is linked against it.
    _kept("libraries by name", "libstdc++.so.6", _UNNEEDED),
)
