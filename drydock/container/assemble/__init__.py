"""Assemble the root file system of the production image from what a Python base image holds.

Nothing here names an architecture, a Debian release or a Python version: the interpreter is asked where it
lives, the loader which libraries a file needs, and dpkg's own records which package a file belongs to.
"""
