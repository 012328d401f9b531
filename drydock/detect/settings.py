"""List the environment variables that a program reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from drydock import secrets
from drydock.detect.code import Startup
from drydock.detect.examples import BY_FORM
from drydock.detect.model import Found, Setting, SettingKind
from drydock.detect.syntax import (
    Module,
    Site,
    Symbol,
    argument,
    by_keys,
    constant,
    is_true,
    keyword,
    parameters,
    words,
)
from drydock.detect.values import LOOKUPS, Reader, reader

BASE = re.compile(r"^(pydantic_settings|pydantic(\.v1)?)(\.\w+)*\.BaseSettings$")
# Annotations and casts that accept only some texts.
FORMS = re.compile(rf"\b({'|'.join(BY_FORM)})\b")
SECRET_TYPES = re.compile(r"Secret(Str|Bytes)|\w+Dsn$|^Secret$")
CONNECTORS = re.compile(
    r"(^|\.)(create_engine|create_async_engine|Database|from_url|\w*MongoClient|\w*MotorClient)$"
)
MAX_BASES = 12
# The image and the container engine set these: an example value would break the programs that read them.
IN_EVERY_CONTAINER = frozenset({"PATH", "HOME", "LOGNAME", "LANG", "HOSTNAME"})
# Functions that refuse None.
CONVERTERS = frozenset({"int", "float", "json.loads", "ast.literal_eval", "pathlib.Path"})
LATE = "read when used, not at import"


@dataclass(frozen=True)
class Field:
    """A field of a settings class."""

    name: str
    annotation: ast.expr | None
    value: ast.expr | None
    module: Module
    line: int

    @property
    def where(self) -> str:
        return f"{self.module.path}:{self.line}"

    @property
    def type(self) -> str:
        return words(self.annotation)


def kind_of(name: str, annotation: str = "") -> SettingKind:
    """Tell whether a setting belongs in a Secret, by its name and type."""
    if SECRET_TYPES.search(annotation):
        return "secret"
    plain = re.fullmatch(r"(bool|int|float)", annotation) or not secrets.is_secret(name)
    return "plain" if plain else "secret"


def import_settings(startup: Startup) -> tuple[Found[Setting], ...]:
    """Return the application's settings, first those that its import requires."""
    found: dict[str, Found[Setting]] = {}
    for read in _read(startup):
        needed = read.value.required and read.value.name not in IN_EVERY_CONTAINER
        item = replace(read, value=replace(read.value, required=needed))
        known = found.get(item.value.name)
        if known is None or (item.value.required and not known.value.required):
            found[item.value.name] = item
    shown = [f for f in found.values() if f.value.name.isprintable() and f.value.name]
    return tuple(sorted(shown, key=lambda f: (not f.value.required, f.value.name)))


def _read(startup: Startup) -> Iterator[Found[Setting]]:
    """Yield every use of a variable: a settings class, a call, or a lookup in os.environ."""
    for used in _settings_classes(startup):
        for item in _class_settings(used.symbol):
            needed = item.value.required and not used.filled and item.value.name.lower() not in used.given
            yield Found(replace(item.value, required=needed), item.where, "" if used.at_import else used.why)
    yield from _handed(startup)
    for module in startup.modules:
        for site in module.calls:
            if looked := _lookup(site):
                yield looked if startup.at_import(site) else Found(looked.value, looked.where, LATE)
        for subscript, scope in module.lookups:
            key = constant(subscript.slice)
            if key and module.dotted(subscript.value) in {"os.environ", "environ"}:
                now = startup.runs(module, scope)
                setting = Setting(key, kind_of(key), now and not scope.tried and not scope.tested)
                yield Found(setting, module.at(subscript), "" if now else LATE)


def _handed(startup: Startup) -> Iterator[Found[Setting]]:
    """Yield the variables whose names callers hand to a function of the project that looks them up."""
    helpers: dict[tuple[str, str], tuple[str, bool]] = {}  # a parameter, and whether its value is demanded
    for module in startup.modules:
        asked = [(s.argument(0, "key"), s.scope, False) for s in module.calls if s.name in LOOKUPS]
        asked += [(n.slice, c, True) for n, c in module.lookups if module.dotted(n.value) == "os.environ"]
        for node, scope, demanded in asked:
            function = module.functions.get(scope.function)
            if function and isinstance(node, ast.Name) and node.id in {a.arg for a in parameters(function)}:
                demanded = demanded or any(isinstance(one, ast.Raise) for one in ast.walk(function))
                helpers[(module.path, scope.function)] = node.id, demanded
    for site in startup.calls if helpers else ():
        found = site.module.symbol(site.name)
        name, demanded = helpers.get((found.module.path, found.name), ("", False)) if found else ("", False)
        key = constant(site.argument(0, name)) if name else None
        if key and re.fullmatch(r"[A-Za-z_]\w*", key):
            default = site.argument(1, "default")
            needed = (demanded or _must_be(site)) and default is None
            needed = needed and not (site.scope.tried or site.scope.tested)
            shown = _shown(key, reader(site).text(default) or "")
            now = startup.at_import(site)
            yield Found(Setting(key, kind_of(key), needed and now, shown), site.where, "" if now else LATE)


def _lookup(site: Site) -> Found[Setting] | None:
    """Return the setting that `os.getenv`, python-decouple, environs or starlette's Config reads."""
    key = constant(site.argument(0, "key"))
    if not key or not re.fullmatch(r"[A-Za-z_]\w*", key):
        return None
    form, kind = "", kind_of(key)
    if site.name in LOOKUPS:
        node = site.argument(1, "default")
        needed = node is None and not site.scope.tested and (_connects(site) or _must_be(site))
    elif site.name in ("os.environ.setdefault", "environ.setdefault"):
        node, needed = site.argument(1, "default"), False
    elif made := _reader(site.module, site.name):
        node = site.argument(1, "default") if made != "starlette" else site.argument(2, "default")
        key = _prefix(site) + key
        named = " ".join(n.id for n in ast.walk(site.node) if isinstance(n, ast.Name))
        cast = words(site.keyword("cast"))
        kind = kind_of(key, named if "Secret" in named else cast)
        form = next((word for word in (cast, *site.name.split(".")) if FORMS.fullmatch(word)), "")
        needed = node is None and not site.scope.tried
    else:
        return None
    default = reader(site).text(node) or ""
    return Found(Setting(key, kind, needed, _shown(key, default), form), site.where)


def _prefix(lookup: Site) -> str:
    """Return the prefix of Starlette's `Config(env_prefix=…)`, and of the block `with env.prefixed(…)`."""
    binding = lookup.module.bound(lookup.name.partition(".")[0])
    made = binding.value if binding else None
    own = keyword(made, "env_prefix") if isinstance(made, ast.Call) else None
    return lookup.scope.prefix + (reader(lookup).text(own) or "")


def _must_be(lookup: Site) -> bool:
    """Tell whether the program fails at once where a variable is missing.

    It does where the value is converted or split, and where a test of its name raises an error.
    """
    module, node = lookup.module, lookup.node
    if lookup.scope.function or lookup.scope.tried:
        return False
    for site in module.calls:
        converted = site.node.args[:1] if site.name in CONVERTERS else []
        if node in (*converted, getattr(site.node.func, "value", None)):
            return True
    names = {b.name for b in module.bindings if b.value is node}
    return any(node in ast.walk(test) or names & set(words(test).split()) for test in module.demanded)


def _connects(lookup: Site) -> bool:
    """Tell whether a client or an engine is made from a lookup without a default."""
    module = lookup.module
    names = {b.name for b in module.bindings if b.value is lookup.node and not b.scope.function}
    for site in (site for user in module.code.parsed() for site in user.calls) if module.code else ():
        if CONNECTORS.search(site.name) and site.node.args:
            first = site.node.args[0]
            found = site.module.symbol(first) if names else None
            if first is lookup.node or (found and found.module is module and found.name in names):
                return True
    return False


def _reader(module: Module, name: str) -> str | None:
    """Return the library whose reader a name calls."""
    if name == "decouple.config":
        return "decouple"
    head, _, rest = name.partition(".")
    found = module.symbol(head)
    owner, variable = found if found and found.name else (module, head)
    binding = owner.bound(variable.partition(".")[0])
    made = owner.dotted(binding.value.func) if binding and isinstance(binding.value, ast.Call) else ""
    if made in {"environs.Env", "environs.FileAwareEnv"}:
        return None if name.endswith(("read_env", "prefixed")) else "environs"
    known = made in {"starlette.config.Config", "decouple.Config", "decouple.AutoConfig"}
    return made.partition(".")[0] if known and rest in ("", "get") else None


def is_settings(symbol: Symbol) -> bool:
    """Tell whether a class of the project derives from pydantic's BaseSettings."""
    return bool(_library(symbol))


def _library(symbol: Symbol, hops: int = MAX_BASES) -> str:
    """Return the package whose BaseSettings a class derives from: pydantic (1) or pydantic_settings."""
    for base in symbol.node.bases if symbol.node and hops else ():
        plain = base.value if isinstance(base, ast.Subscript) else base
        if is_base := BASE.match(symbol.module.dotted(plain)):
            return is_base[1].partition(".")[0]
        found = symbol.module.symbol(plain)
        if library := _library(found, hops - 1) if found else "":
            return library
    return ""


@dataclass(frozen=True)
class _Used:
    symbol: Symbol
    at_import: bool
    filled: bool  # whether the program passes its values
    given: frozenset[str]  # the fields that it passes by name
    why: str = LATE
    tried: bool = False  # whether the program handles its errors


def _settings_classes(startup: Startup) -> list[_Used]:
    """Return the settings classes that the program instantiates or chooses at run time."""
    found: dict[tuple[str, str], _Used] = {}
    for site in startup.calls:
        for name in (site.name, site.module.dotted(site.keyword("default_factory"))):
            symbol = site.module.symbol(name)
            if symbol and is_settings(symbol):
                key = (symbol.module.path, symbol.name)
                known = found.get(key)
                now = startup.at_import(site) or (known is not None and known.at_import)
                given = frozenset(k.arg.lower() for k in site.node.keywords if k.arg)
                if known and not known.tried:  # else this call stands in for the one that may fail
                    given &= known.given
                filled = any(k.arg is None for k in site.node.keywords)
                found[key] = _Used(symbol, now, filled, given, tried=site.scope.tried)
    if not any(item.value.required for used in found.values() for item in _class_settings(used.symbol)):
        chosen = "its class is chosen at run time"
        below = {(one.module.path, one.name) for used in found.values() for one in _all_bases(used.symbol)}
        for symbol in (Symbol(module, name) for module in startup.modules for name in module.classes):
            key = (symbol.module.path, symbol.name)
            if is_settings(symbol) and key not in below:
                found.setdefault(key, _Used(symbol, False, False, frozenset(), chosen))
    return list(found.values())


def _bases(symbol: Symbol) -> list[Symbol]:
    nodes = symbol.node.bases if symbol.node else []
    plain = (base.value if isinstance(base, ast.Subscript) else base for base in nodes)
    above = [symbol.module.symbol(base) for base in plain]
    return [one for one in above if one and one.node and one.node is not symbol.node]


def _all_bases(symbol: Symbol, hops: int = MAX_BASES) -> Iterator[Symbol]:
    for base in _bases(symbol) if hops else ():
        yield base
        yield from _all_bases(base, hops - 1)


def fields(symbol: Symbol, hops: int = MAX_BASES) -> dict[str, Field]:
    """Return a class's fields, inherited ones included."""
    found: dict[str, Field] = {}
    if symbol.node is None or hops == 0:
        return found
    for base in reversed(_bases(symbol)):
        found |= fields(base, hops - 1)
    for row in symbol.node.body:
        if isinstance(row, ast.AnnAssign) and isinstance(row.target, ast.Name):
            name = row.target.id
            if name != "model_config" and name[0] != "_" and "ClassVar" not in words(row.annotation):
                found[name] = Field(name, row.annotation, row.value, symbol.module, row.lineno)
    return found


def _class_settings(symbol: Symbol) -> list[Found[Setting]]:
    own, values = _configuration(symbol), Reader(symbol.module)
    prefix, delimiter = (values.text(own.get(name)) or "" for name in ("env_prefix", "env_nested_delimiter"))
    exact = is_true(own.get("case_sensitive"))
    old = _library(symbol) == "pydantic"
    named = by_keys(own.get("fields")) if old else {}
    found: list[Found[Setting]] = []
    for field in fields(symbol).values():
        required, nested = _required(field, old), _nested(field)
        stem = f"{prefix}{field.name}" if exact else f"{prefix}{field.name}".upper()
        if nested and delimiter:
            for one in fields(nested).values():
                name = f"{stem}{delimiter}{one.name if exact else one.name.upper()}"
                found.append(_setting(name, one, required and _required(one, old)))
        elif not nested or required:
            # Pydantic 1's `class Config: fields = {…}` goes before the field's own name.
            configured = _text(by_keys(named.get(field.name)).get("env"))
            found.append(_setting(configured or _environment_name(field, old) or stem, field, required))
    return found


def _setting(name: str, field: Field, required: bool) -> Found[Setting]:
    default = Reader(field.module).text(field.value) or ""
    if is_true(field.value) or is_true(field.value, False):
        default = "true" if is_true(field.value) else "false"
    form = FORMS.search(field.type)
    kind, shown = kind_of(name, field.type), _shown(name, default, field.type)
    setting = Setting(name, kind, required, shown, form.group() if form else "", _choices(field))
    return Found(setting, field.where)


def _choices(field: Field) -> tuple[str, ...]:
    """Return the values of a Literal, or of an Enum in the project."""
    node = field.annotation
    if isinstance(node, ast.Subscript) and field.module.dotted(node.value).endswith("Literal"):
        listed = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return tuple(str(one.value) for one in listed if isinstance(one, ast.Constant))
    symbol = field.module.symbol(node)
    if symbol is None or symbol.node is None or not any("Enum" in words(base) for base in symbol.node.bases):
        return ()
    values = (statement.value for statement in symbol.node.body if isinstance(statement, ast.Assign))
    texts = (Reader(symbol.module).text(value) for value in values)
    return tuple(text for text in texts if text and text.isprintable())


def _shown(key: str, default: str, annotation: str = "") -> str:
    """Return a default for showing: never a secret's, never one that would break a line."""
    plain = kind_of(key, annotation) == "plain" and default.isprintable() and len(default) < 200
    return default if plain else ""


def _required(field: Field, old: bool) -> bool:
    """Tell whether pydantic requires a value: no assignment, Annotated or Field gives a default."""
    value, node = field.value, field.annotation
    if value is None:
        nones = (n for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value is None) if node else ()
        optional = "Optional" in field.type or any(True for _ in nones)
        return not (old and optional) and not any(_gives_default(field, part) for part in _metadata(node))
    if isinstance(value, ast.Call) and field.module.dotted(value.func).endswith("Field"):
        return not _gives_default(field, value)
    return is_true(value, ...)


def _metadata(annotation: ast.expr | None) -> list[ast.expr]:
    """Return the parts of `Annotated[…]`."""
    parts = annotation.slice if isinstance(annotation, ast.Subscript) else None
    return getattr(parts, "elts", [])


def _gives_default(field: Field, call: ast.expr) -> bool:
    """Tell whether an expression is a `Field(…)` with a default."""
    if not isinstance(call, ast.Call) or not field.module.dotted(call.func).endswith("Field"):
        return False
    default = argument(call, 0, "default")
    return keyword(call, "default_factory") is not None or not (default is None or is_true(default, ...))


def _nested(field: Field) -> Symbol | None:
    symbol = field.module.symbol(field.annotation)
    bases = [symbol.module.dotted(base) for base in symbol.node.bases] if symbol and symbol.node else []
    return symbol if bases and not any("Enum" in base for base in bases) else None


def _environment_name(field: Field, old: bool) -> str | None:
    """Return the variable's name that an assigned or annotated `Field(…)` gives."""
    names = ("env",) if old else ("validation_alias", "alias")
    calls = (part for part in (field.value, *_metadata(field.annotation)) if isinstance(part, ast.Call))
    return next(filter(None, (_text(keyword(call, name)) for call in calls for name in names)), None)


def _text(node: ast.expr | None) -> str | None:
    """Return a text, or the first one in a list or in a call such as `AliasChoices(…)`."""
    names = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [node])
    return next(filter(None, map(constant, names)), None)


def _configuration(symbol: Symbol, hops: int = MAX_BASES) -> dict[str, ast.expr]:
    """Return the options of a settings class, with those of its bases that it does not set itself."""
    if symbol.node is None or not hops:
        return {}
    found: dict[str, ast.expr] = {}
    for base in reversed(_bases(symbol)):
        found |= _configuration(base, hops - 1)
    for statement in symbol.node.body:
        found |= class_options(statement) or {}
    return found | {each.arg: each.value for each in symbol.node.keywords if each.arg}


def class_options(statement: ast.stmt) -> dict[str, ast.expr] | None:
    """Return the options of `model_config = …` or `class Config:`, None for other statements."""
    if isinstance(statement, ast.ClassDef) and statement.name == "Config":
        rows = [(t, s.value) for s in statement.body if isinstance(s, ast.Assign) for t in s.targets]
        return {target.id: value for target, value in rows if isinstance(target, ast.Name)}
    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not any(isinstance(t, ast.Name) and t.id == "model_config" for t in targets):
        return None
    if isinstance(value, ast.Call):
        return {k.arg: k.value for k in value.keywords if k.arg}
    return {key: each for key, each in by_keys(value).items() if key}
