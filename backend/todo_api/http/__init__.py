"""Middleware that every request passes through."""
