"""``python -m drydock.hook [GATE...]``: what the pre-push hook runs."""

import sys

from drydock.hook import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
