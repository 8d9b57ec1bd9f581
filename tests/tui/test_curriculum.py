from __future__ import annotations

import pytest

from tests.tui import tracked
from tests.tui.made import POISON, SIZES, caught_up, made, seen, trained, until
from tests.tui.test_feed import gathered
from tui.app import Cockpit
from tui.curriculum import evaluation, exposures
from tui.widgets.details import Details, faces
from tui.widgets.prompted import Prompted

ASKED = {"notifications": True, "tooltips": True}


def newest(run):
    return gathered(run, lambda one: not one.behind)[-1]


def test_the_newest_evaluation_is_that_of_one_model_at_one_time(tmp_path):
    told = tracked.begun(tmp_path, "20261121-100000-phase3a1-beta-0001", 2000.0)
    tracked.trained(told, tmp_path, 700, verdict=tracked.WATCH)
    told("train", "item", what="red_lines", step=710, **tracked.GO_ON)
    told("train", "item", what="prompted", step=710, **tracked.answered(0, "Say a.", "a.", "a."))
    found = evaluation(newest(told.finish(None)))
    assert found and (found.step, found.at, found.exact, found.expected) == ("train", 710, 1, 1)
    assert found.verdict["verdict"] == "go on", "not the one before"


def test_of_a_sample_all_answers_count_and_not_those_that_were_sent_out_alone(tmp_path):
    found = evaluation(newest(tracked.through(tmp_path)))
    assert found and (found.step, found.at, found.exact, found.expected) == ("unseen", None, 491, 500)
    assert len(found.answers) == 5 and not found.verdict


def test_rows_of_a_mix_are_seen_as_often_as_they_stand_in_it(tmp_path):
    running = exposures(newest(tracked.training(tmp_path / "a")))
    assert [(one.source, one.rows, one.of) for one in running] == [("echo", 2500, 2500), ("format_lock", 441, 974)]
    assert [one.seen for one in running] == [pytest.approx(1500 * 16 / 2650, abs=1e-3)] * 2
    done = exposures(newest(tracked.through(tmp_path / "b")))
    assert [one.seen for one in done] == [15.094] * 2, "what the training ended with"


def test_panes_of_the_other_track_give_their_room_where_they_have_nothing_to_say(tmp_path):
    assert faces(newest(tracked.training(tmp_path / "a"))) == ("events", "prompts", "sources")
    assert faces(newest(made(tmp_path / "b", trained()))) == ("events", "completions", "dimensions")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_prompts_come_forth_by_themselves_and_stay_away_once_another_face_was_chosen(tmp_path, size):
    app = Cockpit(tmp_path, tracked.training(tmp_path), home=tmp_path / "home")
    async with app.run_test(size=size, **ASKED) as pilot:
        await caught_up(pilot, app)
        details = app.screen.query_one(Details)
        await until(pilot, lambda: details.face == "prompts")
        assert "6 of 9 exact, 1 nearly" in seen(app) and "Watch: the special tags" in seen(app)
        for face in ("sources", "events"):
            await pilot.press("w")
            assert details.face == face
        assert app.snapshot
        details.show(app.snapshot, ())
        assert details.face == "events"


async def test_prompts_of_another_step_can_be_chosen_and_the_newest_followed_again(tmp_path):
    app = Cockpit(tmp_path, tracked.through(tmp_path), home=tmp_path / "home")
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        await until(pilot, lambda: "unseen, 491 of 500 exact · the newest; P: of train" in seen(app))
        await pilot.press("P")
        await until(pilot, lambda: "train step 2,500" in seen(app) and "chosen; P: of unseen" in seen(app))
        assert "Say hello." in seen(app) and app.snapshot
        app.screen.query_one(Details).show(app.snapshot, ())
        assert "train step 2,500" in seen(app), "it stays with what was chosen"
        await pilot.press("P", "P")
        await until(pilot, lambda: "unseen, 491 of 500 exact · the newest" in seen(app))


async def test_bad_texts_stay_texts(tmp_path):
    told = tracked.begun(tmp_path, "20261121-100000-phase3a1-beta-0001", 200.0)
    told("train", "step.started", stage="train", artifact="a")
    told("train", "item", what="red_lines", step=1, verdict=POISON[2], text="".join(POISON), line="x", since="y")
    for text in POISON:
        told("train", "item", what="prompted", step=1, prompt=text, expected=text, given=text, exact=True)
    app = Cockpit(tmp_path, told.finish(None), home=tmp_path / "home")
    async with app.run_test(size=(120, 40), **ASKED) as pilot:
        await caught_up(pilot, app)
        await until(pilot, lambda: app.screen.query(Prompted))
        pane = app.screen.query_one(Prompted)
        await until(pilot, lambda: pane.region.height and "[INST] a [/INST] [/x]" in seen(app))
        assert not any(letter in seen(app) for letter in "\x1b\x9b\u202e\x00\u2028")
        assert pane.as_text().startswith("prompt: [INST] a [/INST] [/x]")
