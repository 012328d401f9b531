"""From an image on this machine to one that others can trust: tags, labels, and the way to a registry."""
