"""One self-contained HTML page about an image.

`gather` collects what it tells, `tree` fits what fills the image into it, `render` writes it down.
"""
