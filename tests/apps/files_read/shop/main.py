import importlib.resources
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

TOP = Path(__file__).parent.parent
MANUAL = (TOP / "docs" / "first steps.md").read_text()
AUTHORITY = (TOP / "certificates" / "authority.pem").read_text()
TEMPLATES = Jinja2Templates(directory=TOP / "examples")


class Cached(StaticFiles):
    """Files that browsers keep."""


app = FastAPI()
app.mount("/site", Cached(directory="site"))


@app.get("/health")
def health() -> dict[str, str]:
    words = importlib.resources.files("shop").joinpath("words.txt").read_text()
    made = TEMPLATES.get_template("project.py").render(name="shop")
    return {"manual": MANUAL, "authority": AUTHORITY[:27], "words": words, "made": made}
