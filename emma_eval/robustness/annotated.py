"""What a benchmark's annotation says is in its images, beside the questions that it asks."""

from __future__ import annotations

from emma_eval.data.location import locate_data
from emma_eval.data.readers.amber_json import present_objects
from emma_eval.robustness.swapping import PresentObjects
from emma_eval.runs.settings import RunSettings
from emma_eval.tasks.config import TaskConfig
from emma_eval.utils.data_roots import require_inside_data_root
from emma_eval.utils.files import find_file

GENERATIVE = "query_generative.json"  # lies beside AMBER's other queries, and is of the same images


def objects_in_images(task: TaskConfig, settings: RunSettings) -> PresentObjects:
    """Image -> objects, of AMBER with its generative queries; nothing for others. Raises UserError for broken files."""
    if task.reader != "amber_json":
        return {}
    files = locate_data(task, settings.data, settings.files.get(task.name, {})).files
    if not {"queries", "annotations"} <= files.keys():
        return {}
    path = find_file(files["queries"].with_name(GENERATIVE))
    if path is None:
        return {}
    require_inside_data_root(path)
    return present_objects(path, files["annotations"])
