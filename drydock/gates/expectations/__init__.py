"""A project's expectations of its image, read strictly from TOML, and findings accepted for a time."""
