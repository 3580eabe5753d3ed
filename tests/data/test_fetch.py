"""`data` against a hub on loopback: whole, broken off, damaged, out of reach, too large."""

import json
import re
import shutil

from emma_eval.utils.files import locked_file
from tests.data.hub.hub_server import COMMIT
from tests.data.hub.tiny_hub import GQA, POPE

NO_DATASETS = """
class Refuse:
    def find_spec(name, *_):
        if name == "datasets":
            raise ImportError("datasets is not to be imported")
sys.meta_path.insert(0, Refuse)
"""
FULL_DISK = "import shutil, collections; shutil.disk_usage = lambda path: collections.namedtuple('d', 'free')(5000)"


def parquet(tmp_path, name="gqa/main"):
    return tmp_path / "root" / "hub" / "org" / name / "part-0.parquet"


def test_what_is_fetched_is_read_counted_and_known_again(command, hub):
    done = command("data", "fetch", "my_gqa")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"my_gqa: 2 files fetched: 2 samples, 9.0 kB, org/gqa at commit {COMMIT[:12]}" in done.stdout
    assert "my_gqa: file 2 of 2, images/part-0.parquet, 7.2 kB of 9.0 kB" in done.stderr
    hub.log.clear()
    assert "my_gqa: there already: 2 samples" in command("data", "fetch", "my_gqa").stdout
    assert (
        f"complete  9.0 kB  2 rows   from the hub, commit {COMMIT[:12]}" in command("data", "status", "my_gqa").stdout
    )
    shown = command("show", "my_gqa", "--offline").stdout
    assert "Is it red?" in shown
    assert "image: org/gqa (images), row" in shown
    assert "my_gqa: ok: 2 samples, 2 hashes as known" in command("data", "verify").stdout
    assert "my_gqa: ok: 2 samples, 2 images" in command("check", "my_gqa").stdout
    assert re.search("^my_gqa: ok", command("check").stdout, re.MULTILINE)
    assert hub.log == []  # none of these asked the network


def test_a_download_that_breaks_off_goes_on_where_it_stopped(command, hub, tmp_path):
    hub.break_at = 2500
    done = command("data", "fetch", "my_gqa")
    assert done.returncode == 2
    line = "the download of main/part-0.parquet broke off at 2.0 kB of 7.2 kB: "
    assert line in done.stdout
    assert "what has come is kept, and the same command goes on" in done.stdout
    assert not parquet(tmp_path).exists()
    assert re.search(r"my_gqa +partly +2\.0 kB", command("data", "status", "my_gqa").stdout)
    scored = command("show", "my_gqa", "--offline")
    assert "files are missing or cut short, the first is main/part-0.parquet; `data fetch` goes on" in scored.stderr
    hub.break_at = None
    hub.log.clear()
    assert command("data", "fetch", "my_gqa").returncode == 0
    assert hub.downloads()[0] == ("main/part-0.parquet", "bytes=2000-2999")
    assert "my_gqa: ok" in command("data", "verify", "my_gqa").stdout


def test_it_keeps_to_the_commit_it_began_with(command, hub):
    hub.break_at = 2500
    command("data", "fetch", "my_gqa")
    hub.break_at, hub.log = None, []
    assert command("data", "fetch", "my_gqa").returncode == 0
    revisions = {path.split("/resolve/")[1].split("/")[0] for _, path, _ in hub.log if "/resolve/" in path}
    assert revisions == {COMMIT}


def test_damage_on_the_way_is_noticed_and_nothing_of_it_kept(command, hub, tmp_path):
    hub.damage = True
    done = command("data", "fetch", "my_gqa")
    assert done.returncode == 2
    assert "main/part-0.parquet came with another hash than the hub tells; it was deleted: fetch again" in done.stdout
    assert list(parquet(tmp_path).parent.iterdir()) == []


def test_damage_on_the_disk_is_found_by_verify_and_mended_by_fetch(command, tmp_path):
    command("data", "fetch", "my_gqa")
    content = parquet(tmp_path).read_bytes()
    parquet(tmp_path).write_bytes(content[:-1] + b"?")
    done = command("data", "verify", "my_gqa")
    assert done.returncode == 2
    assert f"{parquet(tmp_path)} has another hash than the hub tells; delete it and fetch my_gqa again" in done.stdout
    parquet(tmp_path).write_bytes(content[:-1])
    assert "files are missing or cut short, the first is main/part-0.parquet" in command("data", "verify").stdout
    assert "1 file fetched: 2 samples" in command("data", "fetch", "my_gqa").stdout
    assert parquet(tmp_path).read_bytes() == content


def test_official_files_on_the_hub_are_fetched_and_read_as_they_are(command, hub, tmp_path):
    (tmp_path / "root").mkdir()
    missing = command("show", "my_mmvp", "--offline")
    assert "get them from https://huggingface.co/datasets/MMVP/MMVP or with `data fetch my_mmvp`" in missing.stderr
    done = command("data", "fetch", "my_mmvp")
    assert f"my_mmvp: 3 files fetched: 2 samples, 0.3 kB, org/mmvp at commit {COMMIT[:12]}" in done.stdout
    folder = tmp_path / "root" / "hub" / "org" / "mmvp"
    assert not (folder / "Questions.xlsx").exists()
    shown = command("show", "my_mmvp", "--sample", "1", "--offline").stdout
    assert str(folder / "MMVP Images" / "1.jpg") in shown
    assert "from the hub, commit 0123456789ab" in command("data", "status", "my_mmvp").stdout
    assert "my_mmvp: ok: 2 samples, 3 hashes as known" in command("data", "verify", "my_mmvp").stdout
    (folder / "MMVP Images" / "2.jpg").unlink()
    assert "files are missing or cut short, the first is MMVP Images/2.jpg" in command("show", "my_mmvp").stderr
    assert re.search(r"my_mmvp +partly", command("data", "status", "my_mmvp").stdout)
    assert "1 file fetched: 2 samples" in command("data", "fetch", "my_mmvp").stdout


def test_a_disk_too_small_is_said_before_anything_is_downloaded(command, hub):
    done = command("data", "fetch", "my_gqa", patch=FULL_DISK)
    assert done.returncode == 2
    assert "18.0 kB are needed below" in done.stdout
    assert "9.0 kB to come" in done.stdout
    assert "5.0 kB are free; nothing was downloaded" in done.stdout
    assert "main/part-0.parquet" not in dict(hub.downloads())


def test_without_network_it_is_one_line_at_once(command, hub):
    offline = command("data", "fetch", "my_gqa", "--offline")
    assert offline.stdout.startswith("my_gqa: PROBLEM: --offline (or HF_HUB_OFFLINE) forbids the hub")
    assert hub.log == []
    unreachable = command("data", "fetch", "my_gqa", "my_pope", url="http://127.0.0.1:9")
    assert "my_gqa: PROBLEM: the hub http://127.0.0.1:9 cannot be reached; check the network" in unreachable.stdout
    assert "2 tasks, 2 problems" in unreachable.stdout
    assert offline.stderr == unreachable.stderr == ""
    shown = command("show", "my_gqa", "--offline")
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1


def test_one_problem_does_not_keep_from_the_other_tasks(command, repositories):
    (repositories / "tasks" / "gone.yaml").write_text("extends: gqa\nhub: {id: org/gone}\n")
    (repositories / "tasks" / "no_split.yaml").write_text(GQA.replace("dev", "dav"))
    done = command("data", "fetch", "gone", "no_split", "foil", "pope_mini", "my_pope")
    assert done.returncode == 2
    assert "gone: PROBLEM: data set org/gone (testdev_balanced_instructions) cannot be listed: " in done.stdout
    assert "no_split: PROBLEM: data set org/gqa (main) has no split 'dav'; did you mean 'dev'?" in done.stdout
    assert "foil: PROBLEM: not on the hub: get by hand from https://" in done.stdout
    assert "pope_mini: comes with a package" in done.stdout
    assert "my_pope: 1 file fetched" in done.stdout
    assert "5 tasks, 3 problems" in done.stdout
    status = command("data", "status", "foil", "my_pope").stdout
    assert re.search(r"^foil +missing$", status, re.MULTILINE)
    told = r"foil: get by hand from https://\S+ and put below .*: annotations: foil/foilv1"
    assert re.search(told, " ".join(status.split()))


def test_a_revision_that_is_pinned_is_the_one_that_is_fetched(command, repositories, hub):
    (repositories / "tasks" / "pinned.yaml").write_text(GQA.replace("org/gqa", f"org/gqa, revision: {'f' * 40}"))
    done = command("data", "fetch", "pinned")
    assert "pinned: PROBLEM: data set org/gqa (main) cannot be listed: " in done.stdout
    assert "commit ffffffffffff is pinned by --lock, or by the task: then `hub: {revision: null}`" in done.stdout
    (repositories / "tasks" / "pinned.yaml").write_text(GQA.replace("org/gqa", f"org/gqa, revision: {COMMIT}"))
    assert "pinned: 2 files fetched" in command("data", "fetch", "pinned").stdout
    assert {path.split("/resolve/")[1].split("/")[0] for _, path, _ in hub.log if "parquet" in path} == {COMMIT}
    (repositories / "tasks" / "pinned.yaml").write_text(GQA.replace("org/gqa", f"org/gqa, revision: {'f' * 40}"))
    shown = command("show", "pinned", "--offline")
    assert "fetched at another commit than ffffffffffff; `data fetch` brings that one" in shown.stderr


def test_what_is_prepared_is_found_again_without_datasets_and_made_again_when_it_is_gone(command, tmp_path):
    command("data", "fetch", "my_gqa")
    shown = command("show", "my_gqa", "--offline", patch=NO_DATASETS)
    assert "Is it red?" in shown.stdout
    shutil.rmtree(tmp_path / "root" / "hub" / ".prepared")
    assert command("show", "my_gqa", "--offline", patch=NO_DATASETS).returncode == 2
    assert "Is it red?" in command("show", "my_gqa", "--offline").stdout


def test_two_at_once_do_not_write_into_one_file(command, hub, tmp_path):
    hub.break_at = 2500
    command("data", "fetch", "my_gqa")
    hub.break_at = None
    folder = tmp_path / "root" / "hub" / "org" / "gqa"
    with locked_file(folder / ".splits" / "fetching", wait=False) as other:
        assert other
        refused = command("data", "fetch", "my_gqa")
    line = f"my_gqa: PROBLEM: another `data fetch` is at work in {folder}; wait until it has ended"
    assert line in refused.stdout
    assert command("data", "fetch", "my_gqa").returncode == 0


def test_fetched_rows_that_do_not_fit_are_not_said_to_be_missing(command, repositories):
    command("data", "fetch", "my_pope")
    (repositories / "tasks" / "few.yaml").write_text(POPE % 1)
    columns = "hub: {id: org/pope, config: main, split: dev, columns: {question: qestion}}"
    (repositories / "tasks" / "misread.yaml").write_text(f"extends: my_pope\n{columns}\n")
    few, misread = command("data", "fetch", "few"), command("data", "fetch", "misread")
    for name in ("few", "misread"):
        (repositories / "tasks" / f"{name}.yaml").unlink()
    assert "are expected; complete the data, or have `run` or `score` take them with --allow-partial" in few.stdout
    assert "misread: PROBLEM: org/pope, row 0: key 'qestion' is missing; did you mean 'question'?" in misread.stdout


def test_a_run_records_the_commit(command, tmp_path):
    command("data", "fetch", "my_gqa")
    output = tmp_path / "run"
    done = command("run", "--tasks", "my_gqa", "--limit", "1", "--output", str(output), "--offline")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["tasks"]["my_gqa"]["data"] == {"hub": f"org/gqa at commit {COMMIT}"}
