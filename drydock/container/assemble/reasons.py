"""Why the production image leaves out files that slim has: the only place with these reasons.

The build's scripts leave out the paths in the first table, and of the virtual environment nothing. The second
explains paths that they never copy; `drydock size --left-out` reads both.
"""

# Paths relative to the standard library's folder.
STANDARD_LIBRARY = {
    "test": "CPython's own tests, which slim images lack, too",
    "idlelib": "an editor: it needs a display",
    "tkinter": "it needs a display and libtk, which slim lacks",
    "turtledemo": "it needs tkinter",
    "turtle.py": "it needs tkinter",
    "lib-dynload/_tkinter.*": "it needs a display and libtk, which slim lacks",
    "lib-dynload/_test*": "CPython's own tests",
    "lib-dynload/_ctypes_test*": "CPython's own tests",
    "lib-dynload/xx*": "examples of extension modules",
    "lib-dynload/_xxtestfuzz.*": "CPython's own tests",
    "ensurepip": "it installs pip: production installs nothing",
    "site-packages": "a virtual environment does not look here: pip and its companions serve the base image",
    "dist-packages": "a virtual environment does not look here: pip and its companions serve the base image",
    "sitecustomize.py": "Debian's looks for a crash reporter, and keeps a dependency's own from running",
    "config-*": "what a compiler needs to embed Python",
    "*__pycache__": "bytecode that the measured start does not use: an import compiles the module",
}

# Bytecode in the environment, which slim has for every module.
BYTECODE = STANDARD_LIBRARY["*__pycache__"]

# Regular expressions of absolute paths: the first that matches counts.
_SHELL = "a login shell reads it, and production has none"
_INSTALLER = "apt and dpkg read it, and the image has neither"
_INIT = "an init system reads it, and a container has none"
_LOGIN = "only programs for logins and accounts read it"
_COMPILER = "a compiler reads it, and the image has none"
_DOCUMENTS = "documentation or a desktop's data: no program of the image reads it"
SYSTEM = {
    r"/(dev|proc|sys)(/.*)?": "the container's runtime mounts this folder",
    r"/var/lib/dpkg(/.*)?": "dpkg's database; the records of what ships are in /var/lib/dpkg/status.d",
    r"/(etc|usr/lib|usr/share|var/cache|var/lib|var/log)/(apt|dpkg|debconf)(/.*)?": _INSTALLER,
    r"/etc/debconf\.conf|/var/log/.+|/usr/share/(keyrings|debianutils|base-files)/.*": _INSTALLER,
    r"/etc/ca-certificates(\.conf|/.*)?|/usr/local/share/ca-certificates": "update-ca-certificates reads it",
    r".*/gconv/.*": "iconv() of the C library opens it, and no library of the image calls iconv()",
    r"/usr/share/(common-licenses|doc|doc-base|man|info|locale|lintian|bug|menu)/.*": _DOCUMENTS,
    r"/usr/share/(pixmaps|applications)/.*": _DOCUMENTS,
    r".*/perl(-base|5|/).*": "perl reads it, and the image has no perl",
    r"/usr/share/python-wheels/.*": "ensurepip installs it elsewhere; production installs nothing",
    r"/usr/(local/)?(man|share/man|share/info).*|/usr/share/(binfmts|gcc|gdb|polkit-1)/.*": _DOCUMENTS,
    r"/etc/(pam\.d|security)/.*|/etc/pam\.conf|.*/security/pam_.*|/usr/share/pam.*|/var/lib/pam/.*": _LOGIN,
    r"/etc/(g?shadow|passwd|group|sub[ug]id)-?|/etc/(\.pwd\.lock|login\.defs|shells|securetty)": _LOGIN,
    r"/usr/share/base-passwd/.*|/var/lib/shells\.state|/var/(spool/)?mail": _LOGIN,
    r"/etc/(profile|bash\.bashrc|environment|motd|issue(\.net)?)|/etc/(profile|update-motd)\.d/.*": _SHELL,
    r"/etc/skel/.*|/root/\..*|/usr/share/(bash|fish|zsh).*": _SHELL,
    r"/etc/(init|rc.|cron\..*|logrotate)\.?d?/.*|/etc/(systemd|default|kernel)/.*|/etc/cron.*": _INIT,
    r"/(usr/)?lib/(systemd|init|lsb|tmpfiles\.d|binfmt\.d|valgrind)/.*|/var/lib/systemd/.*": _INIT,
    r"/etc/(fstab|xattr\.conf|bindresvport\.blacklist|ethertypes)": "only system tools read it",
    r"/etc/ld\.so\.conf.*": "ldconfig reads it to write the list, which is here",
    r"/etc/(alternatives/.*|rmt)|/usr/s?bin/(n?awk|pager|which|rmt)": "a link to a missing program",
    r"/etc/hosts": "the container's runtime writes it",
    r"/usr/lib/python3/dist-packages(/.*)?": STANDARD_LIBRARY["dist-packages"],
    r"/etc/python3.*|/var/lib/python(/.*)?|/usr/(lib|share)/python3(/.*)?": "Debian's own tools read it",
    r".*/include/.*|.*\.(a|la|h|pc|o)|.*/pkgconfig/.*": _COMPILER,
    r"/usr/local/bin/(pip|idle|pydoc|2to3|python[\d.]*-config).*": "a developer's tool",
    r"/usr/lib/ssl/(misc/.*|private)": "it makes certificate authorities, with perl and a shell",
    r"/var/cache/.+": "a program that production lacks keeps it for itself",
    r"/etc/(machine-id|vconsole\.conf)|/var/lib/dbus(/.*)?": _INIT,
    r"/etc/mtab|/run/.+": "the container's runtime or an init system makes it",
    r"/(etc|var/lib)/(dictionaries|emacsen)-common(/.*)?": "installers of dictionaries keep it for editors",
    r"/usr/(share|lib)/(tabset|readline|libc-bin|mime)/.*": "only system installers read it",
}

# For files that no table names, by kind.
PACKAGE = "no program or library of the image needs this package, and the project declares nothing of it"
LIBRARY = "no program or library of the image lists it as needed, and nothing is known to open it by name"
PROGRAM = "nothing starts this program by a name that detection finds; `extra-files` would bring it"
CONTENT = "everything in it is left out"
FOLDER = "an empty folder that only an installer or an administrator fills"

# For files that differ between the two images.
STRIPPED = "symbols and debugging sections are removed; every byte that the loader maps is the same"
TWIN = "a link to the system's library of the same name, which offers every symbol version of this copy"
RECORD = "lists the files of this image with their own hashes"
LDCONFIG = "lists the libraries as `ldconfig -p` does, for ctypes.util.find_library(); it rewrites nothing"
LIST = "lists the base's libraries; the loader finds further ones in its own folders"
WHOLE = "keeps its symbols: it carries data or a signature that removing them would harm"
NAMES = "a file of its own: slim has it as another name of the same file, and COPY keeps no hard links"
