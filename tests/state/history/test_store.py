from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.state import DAY
from drydock.state import history as schema
from drydock.state.errors import HistoryUnreadable
from drydock.state.history import KEPT_SECONDS, History, reading
from drydock.verdict import Outcome
from tests.state.history.samples import ORIGIN, STEPS, build, judged, weighed

NOW = 1_800_000_000.0


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "state/history.sqlite3")


def test_without_a_database_nothing_is_remembered_and_none_is_made(history: History) -> None:
    assert history.builds("shop") == []
    assert history.latest_verdicts("shop") == []
    assert not history.path.exists()


def test_a_build_comes_back_as_it_was(history: History) -> None:
    history.add_build(build(NOW))

    assert history.builds("shop") == [build(NOW)]
    assert history.builds("shop")[0].steps == STEPS


def test_a_build_carries_its_image_once_that_is_weighed(history: History) -> None:
    history.add_build(build(NOW))
    history.add_image(weighed())

    assert history.builds("shop")[0].image == weighed()


def test_later_figures_of_an_image_replace_earlier_ones(history: History) -> None:
    history.add_build(build(NOW))
    history.add_image(weighed(on_disk=100))
    history.add_image(weighed(on_disk=200))

    assert history.builds("shop")[0].image == weighed(on_disk=200)
    assert history.knows("sha256:one", 200, 66)
    assert not history.knows("sha256:one", 100, 33)


def test_builds_come_newest_first_and_as_many_as_wanted(history: History) -> None:
    for second in range(5):
        history.add_build(build(NOW + second))

    assert [found.at - NOW for found in history.builds("shop", limit=2)] == [4, 3]


def test_a_project_sees_only_its_own(history: History) -> None:
    history.add_build(build(NOW, origin=replace(ORIGIN, project="other")))
    history.add_verdict(judged(NOW))

    assert history.builds("shop") == []
    assert history.latest_verdicts("other") == []


def test_a_target_sees_only_its_own(history: History) -> None:
    history.add_build(build(NOW, origin=replace(ORIGIN, target="slim")))

    assert history.builds("shop", "production") == []
    assert len(history.builds("shop", "slim")) == 1
    assert len(history.builds("shop")) == 1


def test_a_verdict_comes_back_without_its_log(history: History) -> None:
    history.add_verdict(judged(NOW, evidence="password: secret"))

    assert history.latest_verdicts("shop") == [judged(NOW)]
    assert b"secret" not in history.path.read_bytes()


def test_what_was_built_before_is_of_other_content(history: History) -> None:
    history.add_image(weighed("sha256:first"))
    history.add_image(weighed("sha256:second", content="new"))
    history.add_image(weighed("sha256:second-with-other-labels", content="new"))
    for second, image in enumerate(("first", "second", "second-with-other-labels")):
        history.add_build(build(NOW + second, f"sha256:{image}"))

    found = history.before("shop", "production", "new")

    assert found is not None
    assert found.image_id == "sha256:first"


def test_what_is_too_old_is_forgotten(history: History) -> None:
    history.add_image(weighed("sha256:old"))
    history.add_build(build(NOW, "sha256:old"))
    history.add_verdict(judged(NOW))

    history.add_build(build(NOW + KEPT_SECONDS + DAY + 1))

    assert [found.image_id for found in history.builds("shop")] == ["sha256:one"]
    assert history.latest_verdicts("shop") == []
    assert not history.knows("sha256:old", 117_000_000, 39_000_000)


def test_only_its_owner_can_read_the_database(history: History) -> None:
    history.add_build(build(NOW))

    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.path.parent.stat().st_mode) == 0o700


def test_readers_do_not_wait_for_a_writer(history: History) -> None:
    history.add_build(build(NOW))
    writer = sqlite3.connect(history.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM builds")

    assert history.builds("shop") == [build(NOW)]

    writer.close()


def test_a_database_of_an_earlier_version_is_migrated(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    schema.migrate(connection)
    connection.execute("INSERT INTO images VALUES ('sha256:one', 'content', 2, 1, '[]', '[]')")

    schema.migrate(connection, (*schema.MIGRATIONS, "ALTER TABLE images ADD COLUMN base TEXT DEFAULT 'none'"))

    assert connection.execute("SELECT image_id, base FROM images").fetchall() == [("sha256:one", "none")]
    assert schema.version(connection) == len(schema.MIGRATIONS) + 1
    connection.close()


def test_builds_of_before_failures_were_remembered_did_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, schema.MIGRATIONS[:1])
    row = (1, NOW, "shop", "production", "main", "abc", 0, "sha256:one", 2.0, "[]")
    connection.execute("INSERT INTO builds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()

    (found,) = History(path).builds("shop")

    assert (found.image_id, found.fault) == ("sha256:one", "")


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    schema.migrate(connection)
    broken = (*schema.MIGRATIONS, "ALTER TABLE images ADD COLUMN base TEXT; SELECT nonsense FROM nowhere")

    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, broken)

    columns = [row[1] for row in connection.execute("PRAGMA table_info(images)")]
    assert "base" not in columns
    assert schema.version(connection) == len(schema.MIGRATIONS)
    connection.close()


def test_a_database_of_a_later_version_is_left_alone(history: History) -> None:
    history.add_build(build(NOW))
    connection = sqlite3.connect(history.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(schema.NewerDatabase, match="its version is 99"):
        history.add_build(build(NOW + 1))


def test_who_asks_for_a_damaged_history_is_told(history: History) -> None:
    history.path.parent.mkdir()
    history.path.write_text("no database\n" * 100)

    with pytest.raises(HistoryUnreadable, match="file is not a database"), reading(history):
        history.builds("shop")


def test_the_newest_verdict_of_each_gate_and_target_is_found(history: History) -> None:
    history.add_verdict(judged(NOW, Outcome.FAILED))
    history.add_verdict(judged(NOW + 1))
    history.add_verdict(replace(judged(NOW + 2), origin=replace(ORIGIN, target="slim")))

    found = history.latest_verdicts("shop")

    assert [(one.at - NOW, one.origin.target) for one in found] == [(2, "slim"), (1, "production")]
