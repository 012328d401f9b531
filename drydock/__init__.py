"""Take a FastAPI backend from source to a small, tested, labelled image and a running Deployment."""
