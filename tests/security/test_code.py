"""Nothing that a file holds is executed: no pickle, no YAML tag, no code of a model or a data set."""

import ast
import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from emma_eval.data.hub.dataset import hub_rows
from emma_eval.data.hub.snapshot import snapshot_splits
from emma_eval.errors import UserError
from emma_eval.models import load_model
from emma_eval.models.checkpoints.state_dict import read_tensors
from emma_eval.tasks.sections import HubConfig
from emma_eval.utils.yaml_io import read_yaml
from tests.tiny_checkpoint import EMMA, TinyCheckpoint

PACKAGE = Path(__file__).parents[2] / "emma_eval"
FORBIDDEN = {  # what executes or unpickles; and where it may stand all the same, with the reason
    "pickle.Unpickler": {
        "inference/replicas/packing.py": "requests from the run's own process, by a socket that it inherits"
    },
    "pickle.load": {},
    "pickle.loads": {},
    "joblib.load": {},
    "dill.load": {},
    "marshal.loads": {},
    "shelve.open": {},
    "numpy.load": {},
    "np.load": {},
    "pd.read_pickle": {},
    "pandas.read_pickle": {},
    "eval": {},
    "exec": {},
    "compile": {},
    "os.system": {},
    "os.popen": {},
    "subprocess.getoutput": {},
    "extractall": {},
    "zipfile.ZipFile": {},
    "ZipFile": {"predictions/excel_format.py": "asks for the sizes of an Excel file's parts alone"},
    "tarfile.open": {},
    "yaml.load": {"utils/yaml_io.py": "with a loader below SafeLoader"},
    "yaml.unsafe_load": {},
    "yaml.full_load": {},
    "torch.hub.load": {},
    "torch.jit.load": {},
}


def calls():
    """(file below the package, dotted name of the function, call) of every call in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), node


def argument(call, name):
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == name), None)


@pytest.fixture(scope="module")
def all_calls():
    found = list(calls())
    assert len(found) > 5000
    return found


def test_nothing_that_executes_data_is_called(all_calls):
    found = {(path, name) for path, name, _ in all_calls if name in FORBIDDEN or name.endswith(".extractall")}
    assert found == {(path, name) for name, allowed in FORBIDDEN.items() for path in allowed}


def test_torch_reads_tensors_alone(all_calls):
    loads = [(path, call) for path, name, call in all_calls if name == "torch.load"]
    assert len(loads) >= 3
    assert {argument(call, "weights_only") for _, call in loads} == {"True"}


def test_what_is_said_on_standard_error_goes_through_what_makes_it_printable(all_calls):
    """Standard output is a stream that does so; bars write escape sequences to the other."""
    allowed = ("cli/door.py", "cli/main.py", "utils/terminal.py", "mini/train/")
    direct = {path for path, name, call in all_calls if name == "print" and argument(call, "file") == "sys.stderr"}
    assert not {path for path in direct if not path.startswith(allowed)}


def test_no_program_is_started_through_a_shell(all_calls):
    starts = [call for _, name, call in all_calls if name.startswith("subprocess.")]
    assert starts
    assert not [call for call in starts if argument(call, "shell")]


def test_no_code_of_a_checkpoint_is_asked_for(all_calls):
    source = (PACKAGE / "models/transformers/loading.py").read_text(encoding="utf-8")
    assert 'SAFE = {"local_files_only": True, "trust_remote_code": False}' in source
    pretrained = [(path, call) for path, name, call in all_calls if name.endswith(".from_pretrained")]
    assert len(pretrained) >= 4
    for path, call in pretrained:
        unpacked = [ast.unparse(word.value) for word in call.keywords if word.arg is None]
        assert argument(call, "trust_remote_code") == "False" or "SAFE" in unpacked, path
    assert "trust_remote_code=True" not in "".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))


class Payload:
    """What a pickle of it does when it is loaded: it makes a file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch {self.proof}",)


def test_the_payload_works(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "name", ["tiny-emma/pytorch_model.bin", "tiny-emma/vision_tower.bin", "tiny-clip/pytorch_model.bin"]
)
def test_a_pickled_program_in_a_checkpoint_is_refused_and_does_not_run(tmp_path, name, zipped):
    folder = TinyCheckpoint(shards="bin").write(tmp_path)
    proof = tmp_path / "proof"
    tensors = torch.load(tmp_path / name, weights_only=True)
    torch.save(tensors | {"x": Payload(proof)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"\.bin is not a readable file of weights: .* holding more than tensors"):
        load_model(str(folder), device="cpu")
    assert not proof.exists()


@pytest.mark.parametrize("name", ["adapter_model.bin", "non_lora_trainables.bin", "mm_projector.bin"])
def test_a_pickled_program_in_any_file_of_tensors_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Payload(tmp_path / "proof")))
    with pytest.raises(UserError, match="is not a readable file of weights"):
        read_tensors([tmp_path / name])
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("builder", ["pandas", "pickle", "some/dataset", "../evil", "/tmp/evil.py"])
def test_a_list_of_downloads_cannot_name_a_reader_that_executes(tmp_path, builder):
    """`datasets` had a reader of pickles, and takes any other name for a data set, which may have code."""
    folder = tmp_path / "hub/org/x"
    (folder / ".splits").mkdir(parents=True)
    (folder / "rows.pkl").write_bytes(content := pickle.dumps(Payload(tmp_path / "proof")))
    files = [{"path": "rows.pkl", "size": len(content)}]
    split = {"id": "org/x", "config": None, "split": "test", "revision": "0" * 40, "builder": builder, "features": None}
    (folder / ".splits/default-test.json").write_text(json.dumps({**split, "files": files}))
    hub = HubConfig(id="org/x", split="test")
    with pytest.raises(UserError, match=r"default-test\.json cannot be read: builder"):
        list(hub_rows(hub, tmp_path, snapshot_splits(tmp_path, hub)))
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch PROOF']",
        "a: !!python/object/new:os.system ['touch PROOF']",
        "!!python/module:os",
        "a: !!python/name:os.system",
        "a: !include /etc/passwd",
    ],
)
def test_a_yaml_tag_builds_nothing(tmp_path, text):
    proof = tmp_path / "proof"
    (tmp_path / "x.yaml").write_text(text.replace("PROOF", str(proof)))
    with pytest.raises(UserError, match=r"x\.yaml"):
        read_yaml(tmp_path / "x.yaml")
    assert not proof.exists()


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_code_in_a_checkpoints_folder_is_not_run(tmp_path, prefix):
    folder = EMMA.write(tmp_path)
    proof = tmp_path / "proof"
    for name in ("modeling_evil", "configuration_evil", "processing_evil", "tokenization_evil"):
        (folder / f"{name}.py").write_text(f"import pathlib\npathlib.Path({str(proof)!r}).touch()\n")
    config = json.loads((folder / "config.json").read_text())
    of_auto_classes = {"AutoConfig": "configuration_evil.Evil", "AutoModelForImageTextToText": "modeling_evil.Evil"}
    config |= {"model_type": "evil", "auto_map": of_auto_classes}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text('{"auto_map": {"AutoProcessor": "processing_evil.Evil"}}')
    with pytest.raises(UserError):
        load_model(f"{prefix}{folder}", device="cpu")
    assert not proof.exists()
