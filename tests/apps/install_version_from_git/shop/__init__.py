from shop._version import __version__
