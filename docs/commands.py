"""Write docs/reference/commands.md and docs/reference/gates.md: `python -m docs.commands`.

Tasks, options and gates come from the code; the texts around them are written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from invoke import ParserContext

from docs.pages import ROOT, filled
from drydock.cli import manual
from drydock.gates.gate import Gate, registry
from drydock.tasks import namespace
from drydock.tasks.offer import DEFAULTS, SHARED, words

COMMANDS = ROOT / "docs/reference/commands.md"
GATES = ROOT / "docs/reference/gates.md"
CHANGES = {
    "source": "the application's code, or an input of the image",
    "recipe": "an input of the image",
    "inputs": "a file that the gate reads",
    "none": "never",
}


def tasks() -> str:
    """Return the tasks by group, each with its words and options."""
    contexts = {str(one.name): one for one in namespace.to_contexts()}
    lines = ["## Options that many tasks share", "", "| option | meaning | default |", "|---|---|---|"]
    for name, meaning in SHARED.items():
        flag = f"--{name}=TEXT" if isinstance(DEFAULTS[name], str) else f"--{name}"
        default = DEFAULTS[name]
        lines.append(f"| `{flag}` | {meaning} | {f'`{default}`' if default else ''} |")
    for title, rows in manual.groups(namespace):
        lines += ["", f"## {title.rstrip('.')}"]
        for name, summary in rows:
            lines += ["", f"### {name}", "", summary, *_task(name, contexts[name])]
    return "\n".join(lines) + "\n"


def _task(name: str, context: ParserContext) -> Iterator[str]:
    """Yield a task's command line, and the tables of its words and its own options."""
    arguments = [(str(one.name), one) for one in context.args.values()]
    optional = words(namespace[name])
    given = [
        f"[{word.upper()}]" if word in optional else word.upper()
        for word, one in arguments
        if one.positional or word in optional
    ]
    shared = [word for word, one in arguments if SHARED.get(word) == one.help]
    own = [(word, one) for word, one in arguments if word not in shared]
    takes = [f"`--{word}`" for word in shared]
    usage = " ".join(["drydock", name, *given, *(["[options]"] if len(arguments) > len(given) else [])])
    yield from ("", "```text", usage, "```")
    if own:
        yield from ("", "| word or option | meaning |", "|---|---|")
        for word, one in own:
            spelled = word.upper() if one.positional or word in optional else manual.option(one)[0]
            yield f"| `{spelled}` | {one.help} |"
    if takes:
        yield from ("", f"Shared: {', '.join(takes)}.")


def gates() -> str:
    """Return the gates in the order in which they run, each with its facts."""
    lines = ["| gate | purpose |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {gate.summary} |" for name, gate in registry().items()]
    for name, gate in registry().items():
        lines += ["", f"## {name}", "", gate.summary, "", "| fact | |", "|---|---|", *_gate(gate)]
    return "\n".join(lines) + "\n"


def _gate(gate: Gate) -> Iterator[str]:
    facts = gate.facts
    yield f"| judges | {', '.join(f'`{one}`' for one in facts.targets)} |"
    if facts.demanded:
        push = "needs its pass"
    else:
        push = "is stopped by its refusal, and does not need its pass" if facts.vetoes else "does not need it"
    yield f"| a push | {push} |"
    yield f"| plain `nox` in this repository | {'runs it' if facts.default else 'leaves it out'} |"
    yield f"| the pre-push hook runs it after a change of | {CHANGES[facts.changes]} |"
    if facts.inputs:
        inputs = (one.replace("{source}/", "SOURCE/") for one in facts.inputs)
        yield f"| reads beside the image | {', '.join(f'`{one}`' for one in inputs)} |"
    if facts.stages:
        yield f"| needs the stage | {', '.join(f'`{one}`' for one in facts.stages)} |"
    if facts.programs:
        yield f"| runs, from locked releases | {', '.join(facts.programs)} |"
    if facts.longest_days is not None:
        yield f"| days for which its receipt counts | {facts.longest_days:g} |"
    if facts.arguments:
        yield "| takes arguments of its own | behind `--` |"


def main(words: Sequence[str] = sys.argv[1:]) -> None:
    """Write both pages; with --check, only tell whether they are those of the code."""
    stale = []
    for page, mark, content in ((COMMANDS, "tasks", tasks()), (GATES, "gates", gates())):
        text = page.read_text(encoding="utf-8")
        if (made := filled(text, mark, content)) == text:
            continue
        stale.append(page.name)
        if "--check" not in words:
            page.write_text(made, encoding="utf-8")
    if stale and "--check" in words:
        sys.exit(f"error: {', '.join(stale)} is older than the code; run `python -m docs.commands`")


if __name__ == "__main__":
    main()
