"""Start to record imports: Python imports a module of this name at its start."""

import listen  # noqa: F401 - importing it starts it
