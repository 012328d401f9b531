"""Publish an image: tags, labels, the push to a registry, signatures."""
