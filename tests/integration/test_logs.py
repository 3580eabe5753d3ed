"""--log against the real packages, read back by their own readers. See docs/logs.md.

Each part is skipped where its package is not installed:

PYTHON -m pytest tests/integration/test_logs.py        with the Python that they are installed for
"""

import json
import os
import struct
import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SAMPLES = 6
TASKS = ("vqav2_mini", "pope_mini", "mmbench_mini")
COUNTS = ("samples", "answered", "failed", "missing")


def needs(package):
    found = find_spec(package)
    is_there = found is not None and found.origin is not None
    return pytest.mark.skipif(not is_there, reason=f"{package} is not installed: docs/logs.md")


def emma_eval(*arguments, cwd, code=0, **variables):
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    environment = os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", **{k: str(v) for k, v in variables.items()}}
    done = subprocess.run(
        [sys.executable, ROOT / "run_eval.py", *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run; tests log it."""
    folder = tmp_path_factory.mktemp("run")
    emma_eval("run", "--tasks", ",".join(TASKS), "--limit", 30, "--output", folder, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def tasks(run):
    return {task["name"]: task for task in json.loads((run / "scores.json").read_text())["tasks"]}


def expected_numbers(tasks):
    """Whole-task scores, bounds and counts, read off scores.json by itself."""
    numbers = {}
    for name, task in tasks.items():
        for metric in task["metrics"]:
            if not metric["group"]:
                numbers[f"{name}/{metric['name']}"] = metric["value"]
                if metric["interval"]:
                    numbers[f"{name}/{metric['name']}_low"] = metric["interval"]["low"]
                    numbers[f"{name}/{metric['name']}_high"] = metric["interval"]["high"]
        numbers |= {f"{name}/counts/{count}": task["counts"][count] for count in COUNTS}
        numbers[f"{name}/counts/truncated"] = task["endings"]["length"]
    return numbers


def score_of(run, task, sample_id):
    lines = (run / "samples" / f"{task}.jsonl").read_text().splitlines()
    return next(one["score"] for one in map(json.loads, lines) if one["id"] == sample_id)


def is_a_drawing(image):
    """More than one colour, of the suite's size."""
    return image.size == (192, 192) and len(image.convert("RGB").getcolors(192 * 192)) > 1


@needs("tensorboard")
class TestTensorboard:
    def read(self, folder):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        return EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0}).Reload()

    def test_has_the_scores_and_images_once(self, run, tasks, tmp_path):
        from tensorboard.util.tensor_util import make_ndarray

        argv = ("log", run, "--to", "tensorboard:tb", "--log-samples", SAMPLES)
        output = emma_eval(*argv, cwd=tmp_path)
        assert f"logged to tensorboard:tb: tensorboard --logdir {tmp_path / 'tb'}" in output
        (folder,) = (tmp_path / "tb").iterdir()
        assert folder.name == run.name
        events = self.read(folder)
        numbers = {tag: make_ndarray(events.Tensors(tag)[0].tensor_proto) for tag in events.Tags()["tensors"]}
        for name, value in expected_numbers(tasks).items():
            assert numbers[name].item() == value, name
        assert numbers["throughput/answers_per_second"] > 0
        for task in TASKS:
            tags = [tag for tag in events.Tags()["images"] if tag.startswith(f"{task}/")]
            assert len(tags) == SAMPLES
            assert is_a_drawing(Image.open(BytesIO(events.Images(tags[0])[0].encoded_image_string)))
            text = numbers[f"samples/{task}/text_summary"].item().decode()
            assert len(text.splitlines()) == 2 + SAMPLES
        assert "already logged" in emma_eval(*argv, cwd=tmp_path)
        emma_eval("log", run, "--to", "tensorboard:tb", "--log-samples", 2, cwd=tmp_path)
        assert len(list(folder.iterdir())) == 1
        assert len(self.read(folder).Tags()["images"]) == 2 * len(TASKS)

    def test_gives_another_run_of_the_same_name_a_folder_of_its_own(self, run, tmp_path):
        import shutil

        shutil.copytree(run, tmp_path / run.name, ignore=shutil.ignore_patterns("logs.json"))
        for folder in (run, tmp_path / run.name):
            emma_eval("log", folder, "--to", f"tensorboard:{tmp_path}/tb", "--log-samples", 0, cwd=tmp_path)
        assert sorted(one.name for one in (tmp_path / "tb").iterdir()) == [run.name, f"{run.name}-2"]


@needs("mlflow")
class TestMlflow:
    @pytest.mark.parametrize("store", ["sqlite", "file"])
    def test_has_the_scores_and_tables_in_one_run(self, store, run, tasks, tmp_path):
        if store == "sqlite" and find_spec("sqlalchemy") is None:
            pytest.skip("mlflow-skinny has no store of its own")
        import mlflow

        uri = f"sqlite:///{tmp_path}/mlflow.db" if store == "sqlite" else str(tmp_path / "mlruns")
        variables = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_ALLOW_FILE_STORE": "true"}
        argv = ("log", run, "--to", "mlflow:emma runs", "--log-samples")
        assert "logged to mlflow:emma runs: mlflow ui" in emma_eval(*argv, SAMPLES, cwd=tmp_path, **variables)
        assert "already logged" in emma_eval(*argv, SAMPLES, cwd=tmp_path, **variables)
        emma_eval(*argv, 2, cwd=tmp_path, **variables)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
            patch.chdir(tmp_path)
            client = mlflow.MlflowClient(uri)
            experiment = client.get_experiment_by_name("emma runs")
            (logged,) = client.search_runs([experiment.experiment_id])
            assert logged.info.status == "FINISHED"
            assert logged.info.run_name == "emma-mini"
            for name, value in expected_numbers(tasks).items():
                assert logged.data.metrics[name] == value, name
            assert [one.step for one in client.get_metric_history(logged.info.run_id, "pope_mini/f1")] == [0, 1]
            assert logged.data.params["settings.limit"] == "30"
            assert logged.data.params["tasks.pope_mini.protocol"] == "official"
            assert logged.data.tags["session.versions.torch"]
            table = client.load_table(experiment.experiment_id, "samples/pope_mini.json")
            assert len(table) == 2
            for row in table.to_dict("records"):
                assert row["score"] == score_of(run, "pope_mini", str(row["id"]))  # pandas reads numbers
                path = client.download_artifacts(logged.info.run_id, row["image"]["filepath"])
                assert is_a_drawing(Image.open(path))
            scores = client.load_table(experiment.experiment_id, "scores_table.json")
            assert len(scores) == sum(len(task["metrics"]) for task in tasks.values())
            copy = client.download_artifacts(logged.info.run_id, "scores.json")
            assert Path(copy).read_bytes() == (run / "scores.json").read_bytes()

    def test_server_that_is_down_costs_a_line(self, run, tmp_path):
        variables = {"MLFLOW_TRACKING_URI": "http://me:secret@127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        output = emma_eval("log", run, "--to", "mlflow:emma", cwd=tmp_path, code=1, **variables)
        assert "not logged to mlflow:emma: " in output
        assert "secret" not in output


@needs("wandb")
class TestWandb:
    def records(self, path):
        """The records of an offline run's file: LevelDB's log format, after seven bytes, of the package's messages."""
        from wandb.proto.wandb_internal_pb2 import Record

        data, place, block, message = path.read_bytes(), 7, 2**15, b""
        assert data.startswith(b":W&B")
        while place + 7 <= len(data):
            left = block - place % block
            if left < 7:
                place += left
                continue
            _, size, kind = struct.unpack("<IHB", data[place : place + 7])
            message += data[place + 7 : place + 7 + size]
            place += 7 + size
            if kind in (1, 4):  # whole, or the last part
                yield Record.FromString(message)
                message = b""

    def test_has_the_scores_and_tables(self, run, tasks, tmp_path):
        variables = {"WANDB_MODE": "offline", "WANDB_DIR": tmp_path, "WANDB_DATA_DIR": tmp_path / "staged"}
        argv = ("log", run, "--to", "wandb:team/emma", "--log-samples", SAMPLES)
        output = emma_eval(*argv, cwd=tmp_path, **variables)
        assert f"logged to wandb:team/emma: wandb sync {tmp_path}/wandb/offline-run-" in output
        assert "already logged" in emma_eval(*argv, cwd=tmp_path, **variables)
        (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
        records = list(self.records(path))
        (begin,) = (one.run for one in records if one.HasField("run"))
        key = json.loads((run / "logs.json").read_text())["key"]
        assert (begin.entity, begin.project, begin.run_id, begin.display_name) == ("team", "emma", key, "emma-mini")
        config = {}
        for update in [begin.config, *(one.config for one in records if one.HasField("config"))]:
            config |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in update.update}
        assert config["settings"]["limit"] == 30
        (step,) = (one.history for one in records if one.HasField("history"))
        logged = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in step.item}  # a.b: a/b
        for name, value in expected_numbers(tasks).items():
            assert logged[name] == value, name
        for task in TASKS:
            table = json.loads((path.parent / "files" / logged[f"samples/{task}/path"]).read_text())
            assert len(table["data"]) == SAMPLES
            for row in table["data"]:
                cells = dict(zip(table["columns"], row, strict=True))
                assert cells["score"] == score_of(run, task, cells["id"])
        staged = [one for one in (tmp_path / "staged").rglob("*") if one.is_file()]
        images = [one for one in staged if one.read_bytes()[:2] == b"\xff\xd8"]
        assert images
        assert all(is_a_drawing(Image.open(one)) for one in images)

    def test_without_a_login_is_said_before_anything_is_read(self, run, tmp_path):
        variables = {"HOME": tmp_path, "NETRC": tmp_path / "none", "WANDB_MODE": "online", "WANDB_API_KEY": ""}
        output = emma_eval("log", "nothing", "--to", "wandb:emma", cwd=tmp_path, code=2, **variables)
        assert "error: --to wandb:emma: not logged in: `wandb login`" in output

    def test_name_that_no_project_may_have_is_said_first(self, tmp_path):
        output = emma_eval("log", "nothing", "--to", "wandb:a?b", cwd=tmp_path, code=2, WANDB_MODE="offline")
        assert "error: --to wandb:a?b: Invalid project name" in output


@pytest.mark.skipif(all(find_spec(name) for name in ("wandb", "tensorboard", "mlflow")), reason="all are installed")
def test_a_missing_package_is_named_with_its_command(tmp_path):
    targets = {"wandb": "wandb:x", "tensorboard": f"tensorboard:{tmp_path}", "mlflow": "mlflow:x"}
    for package, target in targets.items():
        if find_spec(package) is None:
            argv = ("run", "--tasks", "vqav2", "--data", "/nowhere", "--log", target)
            message = (
                f"error: --log {target}: the package {package} is not installed: pip install 'emma-eval[{package}]'"
            )
            assert message in emma_eval(*argv, cwd=tmp_path, code=2)
