"""One self-contained HTML page about an image: `gather` collects, `render` writes it down, `tree` fits it in."""
