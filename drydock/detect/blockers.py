"""Name what makes a project impossible to start in a container, with the true reason."""

from __future__ import annotations

import re

from drydock.detect.apps import RUNNERS
from drydock.detect.code import Code, Startup
from drydock.detect.dependencies import Chosen
from drydock.detect.dockerfiles import Dockerfile
from drydock.detect.files import FileUse
from drydock.detect.model import Blocker
from drydock.detect.tree import ancestors, join

NETWORK = re.compile(
    r"^((requests|httpx|httpx2)\.(get|post|put|head|request)|urllib\.request\.(urlopen|urlretrieve)|"
    r"nltk\.download|torch\.hub\.load|huggingface_hub\.(snapshot_download|hf_hub_download)|"
    r"sentence_transformers\.SentenceTransformer|transformers\.pipeline|whisper\.load_model|"
    r"psycopg2?\.connect|pymysql\.connect|MySQLdb\.connect|mysql\.connector\.connect|wget\.download|gdown\.download)$"
)
DOWNLOADS = re.compile(r"^transformers\.\w+\.from_pretrained$")
GPU = re.compile(
    r"^(nvidia-(cuda|cublas|cudnn)[\w-]*|onnxruntime-gpu|tensorflow-gpu|faiss-gpu\S*|"
    r"paddlepaddle-gpu|cupy-cuda\w+|tensorrt\S*|vllm|flash-attn)$"
)
CUDA_PIN = re.compile(r"\+cu\d{3}")
FRONT_ENDS = ("frontend", "dist", "build", "out", ".output", "www")


def of_code(code: Code, startup: Startup, uses: list[FileUse], workdir: str) -> list[Blocker]:
    """Return the reasons in the code: a server or the network at import, missing folders and files."""
    return [*_started_at_import(startup), *_network(startup), *_missing(code, uses, workdir)]


def _started_at_import(startup: Startup) -> list[Blocker]:
    for module in startup.modules:
        for site in module.calls:
            starts = site.name in RUNNERS and not site.name.endswith("Config")
            if starts and startup.runs(module, site.scope) and not site.scope.tested:
                fact = "importing the entry point starts a server"
                remedy = 'put the call under `if __name__ == "__main__":`'
                return [Blocker("import", fact, module.at(site.node), remedy)]
    return []


def _network(startup: Startup) -> list[Blocker]:
    for module in startup.modules:
        for site in module.calls:
            name = site.name
            if not (NETWORK.match(name) or DOWNLOADS.match(name)) or site.scope.tried or site.scope.tested:
                continue
            if startup.runs(module, site.scope):
                return [
                    Blocker(
                        "network",
                        f"{name}() needs the network while the program is imported",
                        module.at(site.node),
                        "move it into the lifespan or into the first request, or ship what it loads",
                    )
                ]
    return []


def _missing(code: Code, uses: list[FileUse], workdir: str) -> list[Blocker]:
    """Return a blocker for a folder or file that is read at import and does not exist."""
    made = {_place(u, workdir) for u in uses if u.kind in {"make", "write"}}
    for use in uses:
        path = _place(use, workdir)
        if (
            not use.at_import
            or use.guarded
            or use.kind not in {"folder", "read"}
            or path in made
            or path.startswith("..")
        ):
            continue
        if (
            path == "."
            or code.tree.exists(path)
            or code.tree.is_folder(path)
            or path.rpartition("/")[2].startswith(".env")
        ):
            continue
        if (code.tree.root / path).is_dir():
            continue
        built = _front_end(code, path)
        if built:
            return [
                Blocker(
                    "front-end",
                    f"{path} is served but was never built",
                    use.where,
                    f"build the front end of {built} first",
                )
            ]
        what = "folder" if use.kind == "folder" else "file"
        return [
            Blocker(
                "files",
                f"{path} does not exist, and the {what} is read at import",
                use.where,
                f"add the {what}",
            )
        ]
    return []


def _place(use: FileUse, workdir: str) -> str:
    return use.path if use.beside_code else join(workdir, use.path)


def _front_end(code: Code, path: str) -> str:
    if not set(path.split("/")) & set(FRONT_ENDS):
        return ""
    return next(
        (join(a, "package.json") for a in ancestors(path) if code.tree.exists(join(a, "package.json"))), ""
    )


def graphics(chosen: Chosen | None, names: set[str], files: list[Dockerfile]) -> list[Blocker]:
    """Return a blocker when the dependencies or the existing image are made for a GPU."""
    remedy = (
        "choose their CPU builds (set extras if one has them), or set image in [tool.drydock] to a CUDA base"
    )
    for name in sorted(names):
        if GPU.match(name) and chosen:
            return [
                Blocker(
                    "gpu",
                    f"the dependencies install {name}, which needs a GPU image",
                    chosen.source.where,
                    remedy,
                )
            ]
    for item in chosen.source.wanted if chosen else ():
        if CUDA_PIN.search(item.text):
            return [Blocker("gpu", f"{item.text} is built for CUDA", item.where, remedy)]
    for file in files:
        base = next((b for b in file.bases if re.search(r"nvidia/|/cuda|rocm", b)), "")
        if base:
            return [Blocker("gpu", f"the project's image is made from {base}", file.path, remedy)]
    return []
