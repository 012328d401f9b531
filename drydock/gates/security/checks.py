"""Every check of ours by group; docs/background/security.md says what each asks, and which peers ask it."""

CHECKS: dict[str, tuple[str, ...]] = {
    "configuration": (
        *("user", "env-secret", "env", "entrypoint", "cmd", "shell-form", "workdir", "stop-signal", "ports"),
        *("volumes", "sensitive-volume", "on-build", "architecture", "labels", "healthcheck"),
    ),
    "base": ("base",),
    "history": ("add", "update-alone", "upgrade", "sudo", "unverified", "history-secret"),
    "files": (
        *("setuid", "world-writable", "app-writable", "secret-file", "unneeded-file", "cache-file"),
        *("packages", "programs"),
    ),
    "accounts": ("empty-password", "duplicate-id"),
    "expected files": ("file", "content"),
    "commands": ("command",),
    "budget": ("budget",),
    "health": ("health",),
}
