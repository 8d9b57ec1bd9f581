from __future__ import annotations

import pytest

from pipeline.commands import doctor_backends as checks
from pipeline.engine.rows import Row

ASKED = [
    "trl!=0.19.0,<=1.15.0,>=0.18.2",
    "transformers<=5.17.0,>=4.52.4",
    'datasets<5; extra == "huggingface"',
    "triton>=3; sys_platform == 'no such platform'",
    "not a requirement at all ((",
]


def test_versions_within_the_ceilings_are_no_matter() -> None:
    assert checks.outside_ceilings(ASKED, {"trl": "1.14.2", "transformers": "5.17.0", "datasets": "6.0"}) == []


def test_versions_beyond_them_are_named_with_what_mends_it() -> None:
    outside = checks.outside_ceilings(ASKED, {"trl": "1.16.0", "transformers": "5.18.0", "triton": "2.0"})
    assert [(name, version) for name, version, _ in outside] == [("trl", "1.16.0"), ("transformers", "5.18.0")]
    ceilings, imported = checks.unsloth({}, outside, cuda=True)
    assert (ceilings["state"], imported["state"]) == ("broken", "good")
    assert '"trl!=0.19.0,<=1.15.0,>=0.18.2"' in ceilings["mend"] and "trl 1.16.0" in ceilings["found"]


@pytest.mark.parametrize(
    ("said", "cuda", "mend"),
    [
        ("RuntimeError: operator torchvision::nms does not exist", False, "pip uninstall torchvision"),
        ("RuntimeError: operator torchvision::nms does not exist", True, "Mend what it names"),
        ("ImportError: cannot import name 'Kernel'", False, "Mend what it names"),
    ],
)
def test_an_unsloth_that_cannot_be_imported_says_why_and_what_trains_meanwhile(
    said: str, cuda: bool, mend: str
) -> None:
    (row,) = checks.unsloth({"error": said}, [], cuda=cuda)
    assert row["state"] == "broken"
    assert said in row["found"]
    assert mend in row["mend"] and "Hugging Face and PEFT" in row["mend"]


@pytest.mark.parametrize(
    ("tried", "state", "found"),
    [
        ({"nf4": "", "adamw": ""}, "good", "4 bits, AdamW in 8 bits"),
        ({"nf4": "", "adamw": "needs a GPU"}, "good", "no AdamW in 8: needs a GPU"),
        ({"nf4": "no kernel for cuda 13", "adamw": "no kernel for cuda 13"}, "broken", "no kernel for cuda 13"),
        ({"error": "exit -11"}, "broken", "exit -11"),
    ],
)
def test_bitsandbytes_is_judged_by_what_it_does(tried: Row, state: str, found: str) -> None:
    row = checks.bitsandbytes(tried)
    assert (row["state"], found in row["found"]) == (state, True)
    assert bool(row["mend"]) == (state == "broken")


@pytest.mark.parametrize(
    ("platform", "mend"), [("win32", "pip install triton-windows"), ("linux", "pip install triton")]
)
def test_a_missing_triton_is_named_as_its_platform_names_it(platform: str, mend: str) -> None:
    assert checks.triton(False, platform)["mend"] == mend
    assert checks.triton(True, platform)["state"] == "good"


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("print('chatter'); answer = {'one': 1}", {"one": 1}),
        ("raise ImportError('no kernel')", {"error": "ImportError: no kernel"}),
        ("import os; os._exit(3)", {"error": "exit 3"}),
    ],
)
def test_each_is_asked_in_a_process_of_its_own(code: str, answer: Row) -> None:
    assert checks.ask(code) == answer


def test_without_a_torch_that_works_there_is_nothing_to_say_of_them() -> None:
    assert checks.backends("", None) == checks.backends("", {"error": "ImportError"}) == []
