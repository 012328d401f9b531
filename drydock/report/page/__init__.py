"""One self-contained HTML page about an image.

`gather` collects its facts, `tree` fits the image's files into it, `render` writes it.
"""
