"""Find the reasons why a project cannot start in a container."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from drydock.detect.apps import RUNNERS
from drydock.detect.code import Startup
from drydock.detect.dependencies import Chosen
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.files import FileUse, makes_unknown
from drydock.detect.ignore import is_secret
from drydock.detect.model import PLACE, Blocker, Found, distinct
from drydock.detect.syntax import Site
from drydock.detect.tree import Tree, ancestors, join
from drydock.detect.values import reader

NETWORK = re.compile(
    r"^((requests|httpx|httpx2)\.(get|post|put|head|request)|urllib\.request\.(urlopen|urlretrieve)|"
    r"nltk\.download|torch\.hub\.load|huggingface_hub\.(snapshot_download|hf_hub_download)|"
    r"sentence_transformers\.SentenceTransformer|transformers\.pipeline|whisper\.load_model|"
    r"datasets\.load_dataset|socket\.create_connection|kafka\.Kafka(Producer|Consumer)|pika\.BlockingConnection|"
    r"(pymongo|elasticsearch)\.(server_info|list_database_names|command|ping|info|create)|"
    r"boto3\.(get|list|describe|head|create|put)_(?!paginator|waiter)\w+|"
    r"smtplib\.SMTP(_SSL)?|ftplib\.FTP|redis\.ping|oracledb\.connect|pyodbc\.connect|"
    r"psycopg2?\.connect|pymysql\.connect|MySQLdb\.connect|mysql\.connector\.connect|wget\.download|gdown\.download)$"
)
# Objects whose methods ask the network, and the module that has functions of their names.
CLIENTS = {
    **dict.fromkeys(("httpx.Client",), "httpx"),
    **dict.fromkeys(("pymongo.MongoClient", "pymongo.mongo_client.MongoClient"), "pymongo"),
    "elasticsearch.Elasticsearch": "elasticsearch",
    "boto3.client": "boto3",
    **dict.fromkeys(("requests.Session", "requests.session", "requests.sessions.Session"), "requests"),
    **dict.fromkeys(("redis.Redis", "redis.StrictRedis", "redis.from_url", "redis.Redis.from_url"), "redis"),
}
DOWNLOADS = re.compile(r"^transformers\.\w+\.from_pretrained$")
GPU = re.compile(
    r"^(nvidia-(cuda|cublas|cudnn)[\w-]*|onnxruntime-gpu|tensorflow-gpu|faiss-gpu\S*|"
    r"paddlepaddle-gpu|cupy-cuda\w+|tensorrt\S*|vllm|flash-attn)$"
)
CUDA_PIN = re.compile(r"\+cu\d{3}")
FRONT_ENDS = ("frontend", "dist", "build", "out", ".output", "www")


def of_code(startup: Startup, uses: list[FileUse], workdir: str) -> list[Blocker]:
    """Return the reasons in the code: a server or the network at import, missing folders and files."""
    found: dict[str, Blocker] = {}
    for site in startup.calls:
        name, scope = _asked(site), site.scope
        if scope.tested or not startup.at_import(site):
            continue
        if name in RUNNERS and not name.endswith("Config"):
            fact = "importing the entry point starts a server"
            remedy = 'put the call under `if __name__ == "__main__":`'
            found.setdefault("import", Blocker("import", fact, site.where, remedy))
        elif (NETWORK.match(name) or DOWNLOADS.match(name)) and not scope.tried and not loads_own(site):
            fact = f"{name}() needs the network while the program is imported"
            remedy = "move it into the lifespan or into the first request, or ship what it loads"
            found.setdefault("network", Blocker("network", fact, site.where, remedy))
    ordered = [found[key] for key in ("import", "network") if key in found]
    if makes_unknown(startup):  # perhaps the missing one
        uses = [use for use in uses if use.kind != "folder"]
    return [*ordered, *_missing(startup.code.tree, uses, workdir)]


def loads_own(site: Site) -> bool:
    """Tell whether a model is loaded from a file or a folder of the project."""
    paths = (reader(site).path(node) for node in (*site.node.args[:2], site.keyword("model")) if node)
    return any(path and site.module.code and site.module.code.tree.has(path.path) for path in paths)


def _asked(site: Site) -> str:
    """Return a call's name; of a client's method, the function that does the same."""
    owner, _, method = site.name.rpartition(".")
    binding = site.module.bound(owner.partition(".")[0], site.scope.function) if owner else None
    of = binding.value if binding else getattr(site.node.func, "value", None)
    made = site.module.dotted(of.func) if isinstance(of, ast.Call) else ""
    tail = getattr(site.node.func, "attr", method)
    return f"{CLIENTS[made]}.{tail}" if made in CLIENTS else site.name


def _missing(tree: Tree, uses: list[FileUse], workdir: str) -> list[Blocker]:
    """Return a blocker for a missing folder or file that is read at import."""
    written = [use.place(workdir) for use in uses if use.kind in {"make", "write"}]
    made = {".", *written, *(above for path in written for above in ancestors(path))}
    for use in uses:
        path = use.place(workdir)
        if not use.at_import or use.guarded or use.kind not in {"folder", "read"} or path in made:
            continue
        here = path.startswith("..") or is_secret(path, tree.root / path) or tree.has(path)
        if here or (tree.root / path).is_dir():
            continue
        if built := _front_end(tree, path):
            fact, remedy = f"{path} is served but was never built", f"build the front end of {built} first"
            return [Blocker("front-end", fact, use.where, remedy)]
        kind = "folder" if use.kind == "folder" else "file"
        fact = f"{path} does not exist, and the {kind} is read at import"
        return [Blocker("files", fact, use.where, f"add the {kind}")]
    return []


def withheld(tree: Tree, uses: list[FileUse], workdir: str) -> Iterable[Found[str]]:
    """Return a note for each secret that is read at import, since no image holds it."""
    asked = ((use.place(workdir), use) for use in uses if use.kind == "read" and use.at_import)
    return distinct(
        Found(f"{path} is read at import and is a secret, which no image holds: mount it there", use.where)
        for path, use in asked
        if not use.guarded and ".env" not in path and is_secret(path, tree.root / path)
    )


def _front_end(tree: Tree, path: str) -> str:
    manifests = (join(a, "package.json") for a in ancestors(path) if set(path.split("/")) & set(FRONT_ENDS))
    return next((manifest for manifest in manifests if tree.exists(manifest)), "")


def graphics(chosen: Chosen | None, names: set[str], files: list[Dockerfile]) -> list[Blocker]:
    facts: list[tuple[str, str]] = []
    if chosen:
        for name in filter(GPU.match, sorted(names)):
            facts.append((f"the dependencies install {name}, which needs a GPU image", chosen.source.where))
        pins = (item for item in chosen.source.wanted if CUDA_PIN.search(item.text))
        facts += [(f"{item.text} is built for CUDA", item.where) for item in pins]
    for file in files:
        bases = (base for base in file.bases if re.search(r"nvidia/|/cuda|rocm", base))
        facts += [(f"the project's image is made from {base}", file.path) for base in bases]
    remedy = f"choose their CPU builds (set extras if one has them), or set image in {PLACE} to a CUDA base"
    return [Blocker("gpu", *fact, remedy) for fact in facts[:1]]
