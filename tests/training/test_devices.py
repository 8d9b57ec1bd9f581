from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.engine.launch import Launch
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Finding, PlanContext
from pipeline.stages import grpo, sft
from pipeline.training import devices
from pipeline.training.load import no_4bit
from pipeline.training.loop import configure
from pipeline.training.ranks import launch_of, spread
from tests.training.rig import context_of

EXAMPLES = sorted((Path(__file__).parents[2] / "configs" / "accelerate").glob("*.yaml"))


def found(config: Settings, gpus: int, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setattr(devices, "sample", lambda _: {"gpus": [{}] * gpus})
    return list(devices.find(PlanContext(config, {}, 7, Path())))


def faults(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.level == "fault"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_what_accelerate_reads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    count = {"ddp": 2, "fsdp2": 4, "zero3": 4, "nodes": 16}[file.stem]
    settings = {"devices": count, "accelerate_config": file, "gradient_accumulation": 16, "load_in_4bit": False}
    config = sft.Config(**settings, optimizer="adamw_torch")
    assert load_config_from_file(str(file)).num_processes == count
    assert faults(found(config, 8, monkeypatch)) == []
    launch = launch_of(config)
    assert launch == Launch(count, file, 2 if file.stem == "nodes" else 1)
    words = launch.command("some.worker", Path("logs"))[3:]
    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert (args.use_fsdp, args.use_deepspeed) == (file.stem == "fsdp2", file.stem == "zero3")
    assert (args.num_processes, args.module, args.training_script) == (count, True, "some.worker")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("- a list", "cannot be read"),
        ("distributed_type: MULTI_GPU\nno_such_key: 1", "is no config of accelerate"),
        ("distributed_type: MULTI_GPU\nnum_processes: 8", "devices = 2, and FILE says num_processes: 8."),
        ("distributed_type: 'NO'\nnum_processes: 2", "distributed_type NO in FILE trains nothing over 2 devices"),
        ("distributed_type: MEGATRON_LM\nnum_processes: 2", "distributed_type MEGATRON_LM"),
        ("distributed_type: MULTI_GPU\nnum_processes: 2\nnum_machines: 3", "no equal share for each machine"),
        ("distributed_type: MULTI_GPU\nnum_machines: 2\nmachine_rank: 1", "says machine_rank: 1"),
    ],
)
def test_a_file_that_does_not_fit_is_a_fault(
    text: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "accelerate.yaml"
    if text is not None:
        file.write_text(text, "utf-8")
    [fault] = faults(found(sft.Config(devices=2, accelerate_config=file), 2, monkeypatch))
    assert told.replace("FILE", str(file)) in fault


def test_a_file_that_is_not_there_is_an_error_of_the_run_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        launch_of(sft.Config(accelerate_config=tmp_path / "none.yaml"))


def test_what_a_model_in_parts_cannot_have_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    file = next(path for path in EXAMPLES if path.stem == "fsdp2")
    findings = found(sft.Config(devices=4, accelerate_config=file, backend="unsloth"), 4, monkeypatch)
    assert faults(findings) == ["Unsloth does not train under FSDP."]
    assert any("held in 16 bits" in finding.text for finding in findings if finding.level == "note")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert spread() == "fsdp" and "fsdp" in no_4bit()


def test_more_devices_than_gpus_are_a_fault_and_none_at_all_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there are 1 GPUs here" in faults(found(sft.Config(devices=2), 1, monkeypatch))[0]
    [note] = found(sft.Config(devices=2), 0, monkeypatch)
    assert note.level == "note" and "share the processor" in note.text
    assert found(sft.Config(), 0, monkeypatch) == []


def test_the_plans_of_both_stages_speak_of_devices(tmp_path: Path) -> None:
    for stage in (sft, grpo):
        config = stage.Config(devices=2, accelerate_config=tmp_path / "none.yaml")
        findings = stage.STAGE.plan(PlanContext(config, {}, 7, tmp_path))
        assert "cannot be read" in faults(findings)[0] and len(findings) > 1


@pytest.fixture
def server() -> Iterator[str]:
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_vllm_server_is_asked_for_its_health(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda _: object())
    levels = [finding.level for finding in found(grpo.Config(vllm_server=f"{server}/"), 1, monkeypatch)]
    assert levels == ["note"]
    asked = found(grpo.Config(vllm_server=f"{server}/elsewhere"), 1, monkeypatch)
    assert [finding.level for finding in asked] == ["warning", "note"] and "404" in asked[0].text
    silent = found(grpo.Config(vllm_server="http://127.0.0.1:9"), 1, monkeypatch)
    assert "does not answer" in silent[0].text


def test_a_vllm_server_needs_a_gpu_and_its_package(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda _: None)
    told = faults(found(grpo.Config(vllm_server=server), 0, monkeypatch))
    assert "there is no GPU here" in told[0] and "vllm is not installed" in told[1]
    with pytest.raises(ValidationError, match="vllm_server"):
        grpo.Config(vllm_server="host:8000")


def test_trl_is_told_of_the_server(tmp_path: Path) -> None:
    from trl import GRPOConfig

    context = context_of(grpo.Config(vllm_server="http://host:8000/"), {}, tmp_path / "out")
    made = configure(GRPOConfig, context, 1, num_generations=4, **devices.generation_of(context, "static"))
    assert (made.use_vllm, made.vllm_mode, made.vllm_server_base_url) == (True, "server", "http://host:8000")
    assert made.cache_implementation is None
    assert context.effective["seed"]["in_effect"] == "of all but the completions"
    plain = context_of(grpo.Config(), {}, tmp_path / "plain")
    made = configure(GRPOConfig, plain, 1, num_generations=4, **devices.generation_of(plain, "static"))
    assert (made.use_vllm, made.cache_implementation) == (False, "static") and "seed" not in plain.effective
