"""``python -m drydock.cli``: the program `drydock`, for a Python whose scripts are not on PATH."""

from drydock.cli import main

if __name__ == "__main__":
    main()
