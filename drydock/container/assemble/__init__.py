"""Assemble the production image's root file system from a Python base image.

Nothing here names an architecture, a Debian release or a Python version. The interpreter says where it is
installed, the loader which libraries a file needs, and dpkg's records which package a file belongs to.
"""
