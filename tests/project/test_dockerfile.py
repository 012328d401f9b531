"""Detection, builds and gates share one reader of Dockerfiles."""

from __future__ import annotations

from drydock.project.dockerfile import Instruction, expand, instructions, stages


def test_instructions_are_joined_over_comments_and_keep_their_number() -> None:
    text = "FROM x\n\n# why\nRUN a \\\n  # because\n\n && b\nuser 1"
    assert [(one.keyword, " ".join(one.text.split()), one.line) for one in instructions(text)] == [
        ("FROM", "x", 1),
        ("RUN", "a && b", 4),
        ("USER", "1", 8),
    ]


def test_a_here_document_belongs_to_its_instruction() -> None:
    text = "RUN <<EOF\n# a comment of the shell's\nFROM y AS no\nEOF\nUSER 1\n"
    assert list(instructions(text)) == [
        Instruction("RUN", "<<EOF", 1, "# a comment of the shell's\nFROM y AS no"),
        Instruction("USER", "1", 5),
    ]


def test_a_here_string_opens_no_here_document() -> None:
    assert [one.keyword for one in instructions("RUN cat <<<word\nUSER 1\n")] == ["RUN", "USER"]


def test_stages_are_named_over_options_continued_lines_and_here_documents() -> None:
    text = "FROM --platform=linux/amd64 a AS one\nFROM b \\\n as two\nRUN <<X\nFROM c AS no\nX\nFROM d\n"
    assert stages(text) == ("one", "two")


def test_variables_get_their_value_or_default() -> None:
    assert expand("${A}-$B-${C:-d}-${E}", {"A": "1", "B": "2"}) == "1-2-d-${E}"
