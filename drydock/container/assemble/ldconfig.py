"""List this image's libraries as glibc's `ldconfig -p` does: ctypes.util.find_library asks it for names."""

import os

# Written when the image is assembled: the folders that the loader searches.
FOLDERS: tuple[str, ...] = ()

kind = "libc6,x86-64" if os.uname().machine == "x86_64" else "libc6"
for folder in FOLDERS:
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - starts in half the time
        if name.startswith("lib") and ".so" in name:
            print(f"\t{name} ({kind}) => {folder}/{name}")  # noqa: T201
