"""Sends mail that waits."""

import sys
import time

if __name__ == "__main__":
    while True:
        time.sleep(float(sys.argv[2]))
