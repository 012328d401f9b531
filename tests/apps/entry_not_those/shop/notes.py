"""How to use it.

    app = FastAPI()
"""

from fastapi import FastAPI


class Holder:
    """Keeps an application that nobody serves."""

    app = FastAPI()
