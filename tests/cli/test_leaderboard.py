"""`leaderboard`: runs in, three files out."""

from emma_eval.cli.main import main
from emma_eval.results.scores import Interval
from tests.fakes import metric, scores_file, task_scores


def test_runs_are_printed_and_written_to_three_files(tmp_path, capsys):
    runs = []
    for name, value in (("x", 62.0), ("y", 64.0)):
        folder = tmp_path / name
        folder.mkdir()
        accuracy = metric("accuracy", value).model_copy(update={"interval": Interval(low=value - 2, high=value + 2)})
        run = scores_file(task_scores("gqa", "testdev-balanced", accuracy), name=name)
        (folder / "scores.json").write_text(run.model_dump_json())
        runs.append(str(folder))
    out = tmp_path / "out"
    assert main(["leaderboard", *runs, "--output", str(out)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:] == [str(out / f"leaderboard.{suffix}") for suffix in ("md", "csv", "tex")]
    (measured,) = (line for line in shown if "y (measured)" in line)
    assert measured.split()[2:] == ["64.0", "[62.0,", "66.0]"]
    text = (out / "leaderboard.md").read_text(encoding="utf-8")
    assert "| y (measured)" in text
    assert "**64.0**" in text


def test_a_folder_without_scores_is_refused(tmp_path, capsys):
    assert main(["leaderboard", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_scores_of_another_schema_are_refused(tmp_path, capsys):
    path = tmp_path / "scores.json"
    path.write_text('{"schema_version": 2, "model": {}}')
    assert main(["leaderboard", str(path)]) == 2
    assert "cannot be read: model.name is missing; score again" in capsys.readouterr().err
    path.write_text(scores_file().model_copy(update={"schema_version": 7}).model_dump_json())
    assert main(["leaderboard", str(path)]) == 2
    assert "has schema 7, this program reads 2; score again" in capsys.readouterr().err
