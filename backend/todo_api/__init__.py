"""Todo Chatbot API: a todo list that people, programs and a chat agent work on together."""

__version__ = "1.0.0"
