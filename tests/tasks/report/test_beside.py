from html.parser import HTMLParser

from pipeline.tasks.report.beside import render_beside, tables_beside
from pipeline.tasks.report.compared import side_by_side
from tests.tasks.sample_report import report_of
from tests.tasks.sample_run import POISON

LEFT, RIGHT = report_of(), report_of({"base": 0.0, "grpo_merged": 0.1}, learning_rate=1e-3)


def test_battery_ratings_calibration_and_costs_stand_side_by_side():
    found = tables_beside(side_by_side(LEFT, RIGHT), "first", "second")
    assert list(found) == ["verdict", "results", "battery", "ratings", "calibration", "costs", "settings"]
    rows = {name: {row[0]: row[1:] for row in table.rows} for name, table in found.items()}
    assert rows["battery"]["ABA-03 Three job offers"][0] == "100 % [64 %, 100 %]"
    assert rows["ratings"]["sft_merged"] == ["1000 [962, 1041]", "–"]
    assert rows["ratings"]["grpo_merged"] == ["1077 [1039, 1118]", "1039 [1001, 1080]"]
    assert rows["calibration"]["ece"] == ["0.092", "0.184"]
    assert rows["costs"]["seconds"] == ["43", "43"]
    assert rows["settings"]["grpo.learning_rate"] == ["0.005", "0.001"]
    assert rows["results"]["reward"][0].startswith("0.640 (+0.299 [+0.294, ")


class Page(HTMLParser):
    """Every element, with the names of its attributes."""

    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, *(name for name, _ in attrs)))


def test_the_page_of_two_holds_no_markup_from_data():
    def elements(text):
        report = report_of(text=text)
        return Page(render_beside(side_by_side(report, report), text, text)).seen

    assert elements("plain text") == elements(POISON)
    assert len(elements(POISON)) > 100


def test_the_same_report_twice_says_that_no_setting_differs():
    page = render_beside(side_by_side(LEFT, LEFT), "first", "second")
    assert "No setting differs." in page
    assert "No setting differs." not in render_beside(side_by_side(LEFT, RIGHT), "first", "second")


def test_reports_of_format_1_still_compare():
    old = {key: LEFT[key] for key in ("verdict", "table", "steps")}
    evaluation = {key: part for key, part in LEFT["evaluation"].items() if key not in ("battery", "calibration")}
    found = tables_beside(side_by_side(old | {"format": 1, "evaluation": evaluation}, LEFT), "old", "new")
    assert {row[1] for row in found["battery"].rows} == {"–"}
    assert found["verdict"].rows[0] == ["verdict", "met", "met"]
