import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from pipeline.engine.events import Emitter
from pipeline.engine.rows import write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import report
from pipeline.stages.report import Config
from pipeline.tasks.dimensions import DIMENSIONS
from tests.tasks.sample_run import POISON, metric_rows, write_sample_run

VOID = {"meta", "path", "use"}


class Page(HTMLParser):
    """Tags that were opened and not closed, every tag seen, and the text outside of style."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text, self.attributes = [], [], "", []
        self.shape = []
        """Every element outside of figures, with the names of its attributes."""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if "svg" not in self.open:
            self.shape.append((tag, *(name for name, _ in attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def make(root, inputs, **settings):
    """Run the stage in the folder that the engine would give it: (report.json, summary, folder, events)."""
    out, events = root / "data" / "report-444444444444", []
    out.mkdir(parents=True, exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    summary = report.run(Context(Config(**settings), inputs, out, 7, emit))
    return json.loads((out / "report.json").read_text(encoding="utf-8")), summary, out, events


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    root = tmp_path_factory.mktemp("good")
    return make(root, write_sample_run(root), criteria="quickstart")


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    root = tmp_path_factory.mktemp("poisoned")
    return make(root, write_sample_run(root, poison=True), criteria="quickstart")[2]


def test_the_verdict_of_a_good_run_is_met(good):
    written, summary, _, events = good
    assert [criterion["outcome"] for criterion in summary["verdict"]["criteria"]] == ["met"] * 4
    assert summary["verdict"]["met"] is True
    assert written["verdict"] == summary["verdict"]
    assert ("item", {"what": "verdict", **written["verdict"]}) in events


def test_the_summary_is_what_the_command_line_prints(good):
    _, summary, out, _ = good
    assert [row["name"] for row in summary["table"]] == ["reward", *DIMENSIONS]
    first = summary["table"][0]
    assert first["difference"]["mean"] == pytest.approx(first["tuned"]["mean"] - first["baseline"]["mean"])
    assert summary["gguf"] == "models/export-333333333333/model-Q8_0.gguf"
    assert summary["chat"].startswith("python -m pipeline chat ")
    assert (out / summary["report"]).is_file()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_the_same_inputs_give_the_same_bytes(good, tmp_path):
    again = make(tmp_path, write_sample_run(tmp_path), criteria="quickstart")[2]
    for name in ("report.md", "report.html", "report.json"):
        ours, theirs = (good[2] / name).read_text(encoding="utf-8"), (again / name).read_text(encoding="utf-8")
        assert ours.replace(str(good[2].parent.parent), "") == theirs.replace(str(tmp_path), "")


def test_the_report_holds_what_a_screen_shows(good):
    written = good[0]
    assert set(written) == {
        "format", "verdict", "headline", "table", "last_table", "evaluation", "battery_answers", "tournament",
        "training", "curriculum", "coverage", "costs", "answers", "traces", "gguf", "chat", "judges", "steps",
    }  # fmt: skip
    assert [step["name"] for step in written["steps"]] == [
        "answers", "evaluate", "tournament", "prompts", "judge", "sft", "grpo", "export",
    ]  # fmt: skip
    assert [training["stage"] for training in written["training"]] == ["sft", "grpo"]
    assert set(written["training"][1]["curves"]) == {"step", "loss", "reward", "score/helpfulness"}
    assert [sample["category"] for sample in written["answers"]] == [
        "safety", "complexity", "dialogue", "conflict", "calibration",
    ]  # fmt: skip
    assert {answer["contestant"] for answer in written["answers"][0]["answers"]} == {
        "base",
        "sft_merged",
        "grpo_merged",
    }


def test_a_model_of_the_other_track_has_its_curve_its_phase_and_its_samples(tmp_path):
    model, sample = (tmp_path / "data" / name for name in ("train-1", "sample-1"))
    for folder in (model, sample):
        folder.mkdir(parents=True)
    write_rows(model / "metrics.jsonl", [{"step": step, "loss": 1 / step} for step in range(1, 9)])
    write_rows(sample / "rows.jsonl", [{"prompt": "Say a.", "expected": "a.", "given": "b.", "exact": False}])
    inputs = {"models": {"beta": model}, "samples": {"unseen": sample}}
    written, summary, out, _ = make(tmp_path, inputs, criteria="curriculum")
    assert [run["name"] for run in written["training"]] == ["beta"] and written["training"][0]["curves"]["loss"][0] == 1
    assert written["curriculum"]["samples"][0]["wrong"][0]["given"] == "b."
    assert summary["verdict"]["outcome"] == "not measurable", "it was asked for no share"
    assert "<figure" in (out / "report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_and_asks_for_nothing(good):
    text = (good[2] / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.seen
    assert page.seen.count("svg") == 5
    assert not re.search(r"(?:src|href)=\"(?!#)", text), "nothing is fetched"
    assert "url(http" not in text
    order = [
        "Verdict: met",
        "What was run",
        "Every step faint",
        "on prompts kept from training",
        "A sign for every sample",
    ]
    order += [
        "Bradley and Terry",
        "Does it know what it knows",
        "All that was asked, and",
        "Of each step when it was made",
    ]
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    ids = [value for key, value in page.attributes if key == "id"]
    assert len(ids) == len(set(ids))


def test_an_unmet_criterion_is_said_and_fails_the_verdict(tmp_path):
    inputs = write_sample_run(tmp_path, slope=-0.1, gains={"base": 0.0, "sft_merged": 0.3, "grpo_merged": 0.1})
    written, summary, out, _ = make(tmp_path, inputs, criteria="quickstart")
    outcomes = {criterion["name"]: criterion["outcome"] for criterion in written["verdict"]["criteria"]}
    assert outcomes == {
        "beats_baseline": "met",
        "reward_rises": "not met",
        "keeps_sft": "not met",
        "improves_content": "met",
    }
    assert summary["verdict"]["met"] is False
    assert "Verdict: not met" in (out / "report.html").read_text(encoding="utf-8")
    assert "**Verdict: not met**" in (out / "report.md").read_text(encoding="utf-8")


def test_poisoned_texts_stay_text(poisoned):
    html, markdown = ((poisoned / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    page = Page(html)
    assert page.open == []
    assert not {"script", "i"} & set(page.seen)
    assert "alert('x')" in page.text, "it is shown"
    for text in (html, markdown):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)
        assert "␛" in text
    for line in markdown.splitlines():
        assert "<script>" not in line or line.startswith("    ")
        assert "<i>" not in line.replace("\\<", "")
    tables = [part.splitlines() for part in markdown.split("\n\n") if part.startswith("|")]
    assert len(tables) == 20
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1, "no cell opens another"


def test_no_element_and_no_attribute_comes_out_of_data(good, poisoned):
    pages = [Page((folder / "report.html").read_text(encoding="utf-8")) for folder in (good[2], poisoned)]
    assert pages[0].shape == pages[1].shape
    targets = [[value for name, value in page.attributes if name in ("href", "id", "style")] for page in pages]
    in_page = [
        {value for value in values if not re.match(r"#?(training-\d|dimensions|ratings|reliability)-", value)}
        for values in targets
    ]
    assert in_page[0] == in_page[1]
    assert len({name for name, _ in pages[1].attributes} - {name for name, _ in pages[0].attributes}) == 0


def test_every_answer_of_the_battery_stands_behind_its_test_with_the_thought_folded(good):
    written, _, out, _ = good
    assert len(written["battery_answers"]) == 12 * 3 * 5
    html = (out / "report.html").read_text(encoding="utf-8")
    test = html[html.index("<summary>RQ-01") : html.index("<summary>RQ-02")]
    assert test.count("<article") == 15
    assert test.count("<summary>thought, 12 words</summary>") == 15


def test_lineage_coverage_and_costs_are_those_of_every_step(good):
    written = good[0]
    judge = next(step for step in written["steps"] if step["name"] == "judge")
    assert judge["inputs"]["prompts"]["prompts"]["state"] == "as it was"
    assert written["steps"][0]["inputs"]["model"]["base"]["state"] == "not here"
    asked = {row["what"]: row for row in written["coverage"]}
    assert asked["judge"]["parts"] == {"answered": 391, "cut off": 4, "blocked": 3, "invalid": 2, "not yet asked": 0}
    assert asked["battery of base"]["asked"] == asked["answers, battery"]["asked"] == 60
    assert asked["marks of base"]["parts"] == {"marked": 160, "unscored": 0}
    assert all(row["whole"] for row in written["coverage"])
    paid = {row["step"]: row for row in written["costs"]}
    assert (paid["judge"]["cost"], paid["judge"]["lost"], paid["sft"]["cost"]) == (2.168, 2, None)
    assert [row["rubric"] for row in written["judges"]] == ["0123456789ab", "0123456789ab", None]
    assert {row["id"] for row in written["traces"]} >= {"safety-0001/0", "calibration-0001/2"}


def test_a_long_answer_is_cut_in_the_report_alone(tmp_path):
    inputs = write_sample_run(tmp_path)
    path = inputs["evaluation"] / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["answer"] = "word " * 40_000
    write_rows(path, rows)
    written, _, out, _ = make(tmp_path, inputs)
    assert written["answers"][0]["answers"][0]["answer"].endswith("… (194000 more characters)")
    assert (out / "report.html").stat().st_size < 400_000


def test_nothing_asked_is_no_verdict(tmp_path):
    written, summary, out, _ = make(tmp_path, write_sample_run(tmp_path))
    assert summary["verdict"] is None
    assert written["verdict"]["outcome"] == "not asked"
    assert "No criteria were asked for" in (out / "report.html").read_text(encoding="utf-8")


def test_training_alone_can_be_reported(tmp_path):
    inputs = {"training": write_sample_run(tmp_path)["training"]}
    written, summary, out, _ = make(tmp_path, inputs, criteria="smoke")
    assert summary["verdict"]["met"] is True
    assert (written["table"], written["evaluation"], written["answers"]) == ([], None, [])
    assert (summary["gguf"], summary["chat"]) == ("", "")
    assert Page((out / "report.html").read_text(encoding="utf-8")).seen.count("svg") == 2


def test_nothing_at_all_is_a_report_that_says_so(tmp_path):
    _, summary, out, _ = make(tmp_path, {}, criteria="quickstart")
    assert summary["verdict"]["outcome"] == "not measurable"
    assert Page((out / "report.html").read_text(encoding="utf-8")).open == []


def test_an_adapter_made_elsewhere_has_no_made_json(tmp_path):
    adapter = tmp_path / "models" / "elsewhere"
    adapter.mkdir(parents=True)
    write_rows(adapter / "metrics.jsonl", metric_rows("grpo"))
    written, summary, _, _ = make(tmp_path, {"training": {"elsewhere": adapter}}, criteria="smoke")
    assert summary["verdict"]["outcome"] == "not measurable"
    assert written["steps"][0]["stage"] is None


def test_thresholds_without_criteria_have_no_effect(tmp_path):
    def levels(**settings):
        return [finding.level for finding in report.plan(PlanContext(Config(**settings), {}, 7, tmp_path))]

    assert levels(thresholds={"kept": 0.8}) == ["warning"]
    assert levels(thresholds={"kept": 0.8}, criteria="quickstart") == []
    assert levels() == []


def test_the_report_is_light():
    code = (
        "import sys, pipeline.stages.report; print([m for m in ('torch', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_poison_is_poisonous():
    """Guards the guard: the text that the other tests inject holds what they look for."""
    assert "<script>" in POISON
    assert "\x1b" in POISON
    assert "\u202e" in POISON
