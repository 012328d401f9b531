"""Conversations with an agent that works on the user's tasks."""
