import json

import pytest

from pipeline.commands import browse
from pipeline.engine.artifacts import Workspace
from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import write_json
from pipeline.engine.runs import Run
from tests.tasks.sample_report import report_of
from tests.tui.made import made

NAMES = ("20261121-100000-nano-0001", "20261121-110000-nano-0002")


@pytest.fixture
def runs(tmp_path):
    """Two finished runs, each with a report, of which the second learnt less."""
    for name, report in zip(NAMES, (report_of(), report_of({"base": 0.0, "grpo_merged": 0.1})), strict=True):
        folder = tmp_path / "data" / f"report-{name[-4:] * 3}"
        folder.mkdir(parents=True)
        write_json(folder / "report.json", report)
        (folder / "report.md").write_text("# Training report\n", encoding="utf-8")
        told = {"stage": "report", "summary": {}, "seconds": 1, "artifact": str(folder)}
        made(tmp_path, [("report", "step.started", told), ("report", "step.finished", told)], name)
    return [Run(Workspace(tmp_path).runs / name) for name in NAMES]


def test_two_runs_are_printed_as_tables_as_json_and_as_a_page(runs, tmp_path, capsys):
    page = tmp_path / "both.html"
    browse.report(runs, False, page)
    told = capsys.readouterr().out
    assert "battery" in told and "ABA-03 Three job offers" in told and "both.html" in told
    assert "1077 [1039, 1118]" in page.read_text(encoding="utf-8")
    browse.report(runs, True, None)
    compared = json.loads(capsys.readouterr().out)
    assert list(compared) == ["verdict", "results", "battery", "ratings", "calibration", "costs", "settings"]


def test_a_page_of_one_run_is_there_already(runs, tmp_path, capsys):
    with pytest.raises(ConfigError, match=r"report\.html"):
        browse.report(runs[:1], False, tmp_path / "one.html")
    browse.report(runs[:1], False, None)
    assert "# Training report" in capsys.readouterr().out
