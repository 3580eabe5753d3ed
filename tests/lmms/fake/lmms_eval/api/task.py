"""One task: its documents, texts, images, filters and scores."""

from types import SimpleNamespace
from typing import Any

import datasets

DEFAULTS = {
    "test_split": None, "validation_split": None, "dataset_name": None, "num_fewshot": None, "score_key": "score",
    "process_results": None, "generation_kwargs": None, "process_results_use_image": False,
}  # fmt: skip


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


class ConfigurableTask:
    def __init__(self, config: dict[str, Any]) -> None:
        kwargs = config.get("generation_kwargs") or {}
        config = DEFAULTS | config | {"generation_kwargs": {"until": ["\n\n"]} | kwargs}
        self.config = SimpleNamespace(**config)
        self.VERSION = (config.get("metadata") or [{}])[0].get("version", "Yaml")
        self.download()
        split = self.config.test_split or self.config.validation_split
        self.eval_docs = self.dataset[split]
        self.eval_docs_no_media = self.eval_docs.remove_columns(
            [name for name, feature in self.eval_docs.features.items() if isinstance(feature, datasets.Image)]
        )
        self._instances: list[Any] = []

    def download(self) -> None:
        self.dataset = datasets.load_dataset(self.config.dataset_path, **self.config.dataset_kwargs)

    download.retry = SimpleNamespace(stop=5)  # as tenacity's decorator leaves it

    def fewshot_context(self, doc: Any, num_fewshot: int) -> str:
        return self.config.doc_to_text(doc)

    def doc_to_visual(self, doc: Any) -> Any:
        return self.config.doc_to_visual(doc)

    def doc_to_target(self, doc: Any) -> Any:
        return doc[self.config.doc_to_target]

    def apply_filters(self) -> None:
        for ensemble in getattr(self.config, "filter_list", [{"name": "none"}]):
            for instance in self._instances:
                text = instance.resps[0]
                instance.filtered_resps[ensemble["name"]] = text.upper() if ensemble["name"] == "upper" else text

    def process_results(self, doc: Any, results: list[str]) -> dict[str, Any]:
        results = [text.strip() for text in results]
        if self.config.process_results:
            return self.config.process_results(doc, results)
        return {"exact_match": float(results[0] == self.doc_to_target(doc))}

    def aggregation(self) -> dict[str, Any]:
        return {one["metric"]: mean if one["aggregation"] == "mean" else one["aggregation"] for one in self._metrics}

    def higher_is_better(self) -> dict[str, bool]:
        return {one["metric"]: one["higher_is_better"] for one in self._metrics}

    @property
    def _metrics(self) -> list[dict[str, Any]]:
        return self.config.metric_list
