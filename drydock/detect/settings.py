"""List the environment variables that a program reads when it is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from drydock import secrets
from drydock.detect.code import Code, Startup
from drydock.detect.model import Found, Setting, SettingKind
from drydock.detect.syntax import Module, Site, argument, constant, keyword
from drydock.detect.values import LOOKUPS, text_of

BASE = re.compile(r"^(pydantic_settings|pydantic(\.v1)?)(\.\w+)*\.BaseSettings$")
# Annotations and casts that ask for more than any text.
FORMS = frozenset(
    {
        "int",
        "float",
        "bool",
        "Decimal",
        "PositiveInt",
        "NonNegativeInt",
        "date",
        "datetime",
        "timedelta",
        "UUID",
        "UUID4",
    }
    | {"PostgresDsn", "MySQLDsn", "MariaDBDsn", "RedisDsn", "MongoDsn", "AmqpDsn", "KafkaDsn", "NatsDsn"}
    | {"AnyUrl", "AnyHttpUrl", "HttpUrl", "WebsocketUrl", "FileUrl", "EmailStr", "NameEmail", "IPvAnyAddress"}
    | {"list", "List", "set", "Set", "tuple", "Tuple", "frozenset", "dict", "Dict", "Json"}
    | {"Path", "FilePath", "DirectoryPath"}
)
SECRET_TYPES = re.compile(r"Secret(Str|Bytes)|\w+Dsn$|^Secret$")
CONNECTORS = re.compile(
    r"(^|\.)(create_engine|create_async_engine|Database|from_url|\w*MongoClient|\w*MotorClient)$"
)
MAX_BASES = 12
LATE = "read when used, not at import"


@dataclass(frozen=True)
class Field:
    """A field of a settings class."""

    name: str
    names: tuple[str, ...]
    annotation: ast.expr | None
    value: ast.expr | None
    module: Module
    line: int


def kind_of(name: str, annotation: str = "") -> SettingKind:
    """Tell whether a setting belongs into a Secret, by what its name and type look like."""
    if SECRET_TYPES.search(annotation):
        return "secret"
    if re.fullmatch(r"(bool|int|float)", annotation):
        return "plain"
    return "secret" if secrets.is_secret(name) else "plain"


def import_settings(code: Code, startup: Startup) -> tuple[Found[Setting], ...]:
    """Return the settings that the application reads, those without which it cannot be imported first."""
    found: dict[str, Found[Setting]] = {}
    for used in _settings_classes(code, startup):
        for item in _class_settings(code, used.module, used.name):
            setting = replace(item.value, required=item.value.required and not used.filled)
            _add(found, Found(setting, item.where, "" if used.at_import else used.why))
    for module in startup.modules:
        for site in module.calls:
            looked = _lookup(code, module, site)
            if looked:
                _add(found, looked if startup.runs(module, site.scope) else _late(looked))
        for subscript, scope in module.lookups:
            if module.dotted(subscript.value) in {"os.environ", "environ"} and (
                key := constant(subscript.slice)
            ):
                needed = startup.runs(module, scope) and not scope.tried and not scope.tested
                setting = Setting(key, kind_of(key), needed)
                _add(found, Found(setting, module.at(subscript), "" if needed else LATE))
    shown = [f for f in found.values() if f.value.name.isprintable() and f.value.name]
    return tuple(sorted(shown, key=lambda f: (not f.value.required, f.value.name)))


def _late(item: Found[Setting]) -> Found[Setting]:
    return Found(item.value, item.where, LATE)


def _add(found: dict[str, Found[Setting]], item: Found[Setting]) -> None:
    known = found.get(item.value.name)
    if known is None or (item.value.required and not known.value.required):
        found[item.value.name] = item


def _lookup(code: Code, module: Module, site: Site) -> Found[Setting] | None:
    """Return the setting that `os.getenv`, python-decouple, environs or starlette's Config reads."""
    call = site.node
    name = site.name
    key = constant(argument(call, 0, "key"))
    if not key or not re.fullmatch(r"[A-Za-z_]\w*", key):
        return None
    if name in LOOKUPS:
        node = argument(call, 1, "default")
        default = text_of(code, module, node, site.scope.function) or ""
        needed = node is None and not site.scope.tested and _connects(code, module, call)
        return Found(Setting(key, kind_of(key), needed, _shown(key, default)), module.at(call))
    reader = _reader(code, module, name)
    if reader is None:
        return None
    node = keyword(call, "default") or (call.args[1] if reader == "environs" and len(call.args) > 1 else None)
    default = text_of(code, module, node, site.scope.function) or ""
    words = " ".join(n.id for n in ast.walk(call) if isinstance(n, ast.Name))
    cast = _words(keyword(call, "cast"))
    kind = kind_of(key, words if "Secret" in words else cast)
    form = next((word for word in (cast, *name.split(".")) if word in FORMS), "")
    setting = Setting(key, kind, node is None and not site.scope.tried, _shown(key, default), form)
    return Found(setting, module.at(call))


def _connects(code: Code, module: Module, lookup: ast.Call) -> bool:
    """Tell whether what a lookup without a default returns is what a client or an engine is made from."""
    names = {b.name for b in module.bindings if b.value is lookup and not b.scope.function}
    for user in code.parsed():
        for site in user.calls:
            if not CONNECTORS.search(site.name) or not site.node.args:
                continue
            first = site.node.args[0]
            found = code.symbol(user, user.dotted(first)) if names else None
            if first is lookup or (found and found.module is module and found.name in names):
                return True
    return False


def _reader(code: Code, module: Module, name: str) -> str | None:
    if name == "decouple.config":
        return "decouple"
    found = code.symbol(module, name.split(".")[0]) if name else None
    head = name.split(".")[0]
    owner, variable = (found.module, found.name) if found and found.name else (module, head)
    binding = owner.bound(variable.partition(".")[0])
    made = owner.dotted(binding.value.func) if binding and isinstance(binding.value, ast.Call) else ""
    if made == "starlette.config.Config" and "." not in name:
        return "starlette"
    if made in {"environs.Env", "environs.FileAwareEnv"} and not name.endswith(("read_env", "prefixed")):
        return "environs"
    return "decouple" if made in {"decouple.Config", "decouple.AutoConfig"} and "." not in name else None


def is_settings(code: Code, module: Module, name: str, hops: int = 6) -> bool:
    """Tell whether a class of the project derives from pydantic's BaseSettings."""
    node = module.classes.get(name)
    for base in node.bases if node and hops else ():
        dotted = module.dotted(base.value if isinstance(base, ast.Subscript) else base)
        if BASE.match(dotted):
            return True
        found = code.symbol(module, dotted)
        if (
            found
            and found.name in found.module.classes
            and is_settings(code, found.module, found.name, hops - 1)
        ):
            return True
    return False


@dataclass(frozen=True)
class _Used:
    """A settings class that the program uses; `filled` tells that the program hands it its values."""

    module: Module
    name: str
    at_import: bool
    filled: bool
    why: str = LATE


def _settings_classes(code: Code, startup: Startup) -> list[_Used]:
    """Return the settings classes that are instantiated, and those that the program chooses at run time."""
    found: dict[tuple[str, str], _Used] = {}
    for module in startup.modules:
        for site in module.calls:
            named = [site.name]
            factory = keyword(site.node, "default_factory")
            named += [module.dotted(factory)] if factory is not None else []
            for name in named:
                symbol = code.symbol(module, name) if name else None
                if symbol and is_settings(code, symbol.module, symbol.name):
                    key = (symbol.module.path, symbol.name)
                    now = startup.runs(module, site.scope) or (key in found and found[key].at_import)
                    filled = any(k.arg is None for k in site.node.keywords)
                    found[key] = _Used(symbol.module, symbol.name, now, filled)
    if not any(_has_required(code, used) for used in found.values()):
        chosen = "its class is chosen at run time"
        for module in startup.modules:
            for name in module.classes:
                if (module.path, name) not in found and is_settings(code, module, name):
                    found[(module.path, name)] = _Used(module, name, False, False, chosen)
    return list(found.values())


def _has_required(code: Code, used: _Used) -> bool:
    return any(item.value.required for item in _class_settings(code, used.module, used.name))


def fields(code: Code, module: Module, name: str, hops: int = MAX_BASES) -> dict[str, Field]:
    """Return the fields of a class with those it inherits."""
    node = module.classes.get(name)
    found: dict[str, Field] = {}
    if node is None or hops == 0:
        return found
    for base in reversed(node.bases):
        symbol = code.symbol(module, module.dotted(base))
        if symbol and symbol.name in symbol.module.classes and symbol.module.classes[symbol.name] is not node:
            found |= fields(code, symbol.module, symbol.name, hops - 1)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            field_name = statement.target.id
            if field_name != "model_config" and "ClassVar" not in _words(statement.annotation):
                names = _environment_names(statement.value)
                found[field_name] = Field(
                    field_name, names, statement.annotation, statement.value, module, statement.lineno
                )
    return found


def _class_settings(code: Code, module: Module, name: str) -> list[Found[Setting]]:
    prefix, delimiter = _configuration(code, module, name)
    old = not any(a.startswith("pydantic_settings") for a in module.aliases.values())
    rows = []
    for field in fields(code, module, name).values():
        rows += _field_settings(code, field, prefix, delimiter, old)
    return rows


def _field_settings(code: Code, field: Field, prefix: str, delimiter: str, old: bool) -> list[Found[Setting]]:
    required = _required(field, old)
    nested = _nested(code, field)
    where = f"{field.module.path}:{field.line}"
    if nested and required and delimiter:
        inner = fields(code, *nested)
        return [
            Found(_typed(code, Setting(key, kind_of(key, _words(f.annotation)), True), f), where)
            for f in inner.values()
            if _required(f, old)
            for key in [f"{prefix}{field.name}{delimiter}{f.name}".upper()]
        ]
    if nested and not required:
        return []
    key = field.names[0] if field.names else f"{prefix}{field.name}"
    default = _flag(field.value) or text_of(code, field.module, field.value) or ""
    annotation = _words(field.annotation)
    kind = kind_of(key, annotation)
    name = key if field.names else key.upper()
    setting = Setting(name, kind, required, _shown(key, default, annotation))
    return [Found(_typed(code, setting, field), where)]


def _typed(code: Code, setting: Setting, field: Field) -> Setting:
    """Return a setting with the form that its field's annotation wants of it."""
    form = next((word for word in _words(field.annotation).split() if word in FORMS), "")
    return replace(setting, form=form, choices=_choices(code, field))


def _choices(code: Code, field: Field) -> tuple[str, ...]:
    """Return the values that a Literal lists, or an Enum of the project."""
    node = field.annotation
    if isinstance(node, ast.Subscript) and field.module.dotted(node.value).endswith("Literal"):
        listed = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return tuple(str(one.value) for one in listed if isinstance(one, ast.Constant))
    symbol = code.symbol(field.module, field.module.dotted(node))
    owner = symbol.module.classes.get(symbol.name) if symbol else None
    if symbol is None or owner is None or not any("Enum" in _words(base) for base in owner.bases):
        return ()
    values = (statement.value for statement in owner.body if isinstance(statement, ast.Assign))
    texts = (text_of(code, symbol.module, value) for value in values)
    return tuple(text for text in texts if text and text.isprintable())


def _shown(key: str, default: str, annotation: str = "") -> str:
    """Return a default for showing: never a secret's, never one that would break a line."""
    return (
        default
        if kind_of(key, annotation) == "plain" and default.isprintable() and len(default) < 200
        else ""
    )


def _required(field: Field, old: bool) -> bool:
    value = field.value
    if isinstance(value, ast.Call):
        if isinstance(value.func, (ast.Name, ast.Attribute)) and field.module.dotted(value.func).endswith(
            "Field"
        ):
            default = argument(value, 0, "default")
            return keyword(value, "default_factory") is None and (default is None or _ellipsis(default))
        return False
    if value is None:
        return not (
            old and ("Optional" in _words(field.annotation) or "None" in _constants(field.annotation))
        )
    return _ellipsis(value)


def _flag(node: ast.expr | None) -> str:
    return str(node.value).lower() if isinstance(node, ast.Constant) and isinstance(node.value, bool) else ""


def _ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _nested(code: Code, field: Field) -> tuple[Module, str] | None:
    symbol = code.symbol(field.module, field.module.dotted(field.annotation))
    if symbol and symbol.name in symbol.module.classes and symbol.module.classes[symbol.name].bases:
        bases = " ".join(symbol.module.dotted(b) for b in symbol.module.classes[symbol.name].bases)
        return (symbol.module, symbol.name) if "Enum" not in bases else None
    return None


def _environment_names(value: ast.expr | None) -> tuple[str, ...]:
    if not isinstance(value, ast.Call):
        return ()
    for option in ("validation_alias", "alias", "env"):
        node = keyword(value, option)
        text = constant(node)
        if text:
            return (text,)
        if isinstance(node, ast.Call):
            return tuple(t for a in node.args if (t := constant(a)))[:1]
    return ()


def _configuration(code: Code, module: Module, name: str, hops: int = MAX_BASES) -> tuple[str, str]:
    """Return `env_prefix` and `env_nested_delimiter` of a settings class or its bases."""
    node = module.classes.get(name)
    if node is None or hops == 0:
        return "", ""
    for statement in node.body:
        values = class_options(statement)
        if values is not None:
            prefix = text_of(code, module, values.get("env_prefix")) or ""
            return prefix, text_of(code, module, values.get("env_nested_delimiter")) or ""
    for base in node.bases:
        symbol = code.symbol(module, module.dotted(base))
        if symbol and symbol.name in symbol.module.classes:
            return _configuration(code, symbol.module, symbol.name, hops - 1)
    return "", ""


def class_options(statement: ast.stmt) -> dict[str, ast.expr] | None:
    """Return the options of `model_config = …` or `class Config:`, None for other statements."""
    if isinstance(statement, ast.ClassDef) and statement.name == "Config":
        return {
            t.id: s.value
            for s in statement.body
            if isinstance(s, ast.Assign)
            for t in s.targets
            if isinstance(t, ast.Name)
        }
    value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not any(isinstance(t, ast.Name) and t.id == "model_config" for t in targets):
        return None
    if isinstance(value, ast.Call):
        return {k.arg: k.value for k in value.keywords if k.arg}
    if isinstance(value, ast.Dict):
        return {key: v for k, v in zip(value.keys, value.values, strict=False) if (key := constant(k))}
    return {}


def _words(node: ast.expr | None) -> str:
    if node is None:
        return ""
    return " ".join(
        n.id if isinstance(n, ast.Name) else n.attr
        for n in ast.walk(node)
        if isinstance(n, (ast.Name, ast.Attribute))
    )


def _constants(node: ast.expr | None) -> set[str]:
    return (
        {str(n.value) for n in ast.walk(node) if isinstance(n, ast.Constant)} if node is not None else set()
    )
