"""List this image's libraries as glibc's `ldconfig -p` does, for ctypes.util.find_library."""

import os

# The folders that the loader searches; filled in when the image is assembled.
FOLDERS: tuple[str, ...] = ()

kind = "libc6,x86-64" if os.uname().machine == "x86_64" else "libc6"
for folder in FOLDERS:
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - starts in half the time
        if name.startswith("lib") and ".so" in name:
            print(f"\t{name} ({kind}) => {folder}/{name}")  # noqa: T201
