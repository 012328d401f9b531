from __future__ import annotations

from tests.report.browser.charts.__main__ import BUNDLE, bundle
from tests.support import packages


def test_the_charts_are_what_the_lock_makes_of_them() -> None:
    packages.node()

    assert bundle() == BUNDLE.read_text(encoding="utf-8")


def test_the_licences_of_all_that_is_in_the_charts_are_in_it() -> None:
    text = BUNDLE.read_text(encoding="utf-8")

    for words in ("Apache ECharts", "Apache License", "Mike Bostock", "Baidu Inc.", "Microsoft Corporation"):
        assert words in text.partition("*/")[0]
