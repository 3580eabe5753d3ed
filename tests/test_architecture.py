"""Imports point one way: a room may import from the rooms below it, and two rooms never import each other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "emma_eval"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md")

# From the bottom to the top: a room may import from what stands on an earlier line, and from itself.
LAYERS = (
    ("errors",),
    ("types", "utils"),
    ("registry", "images", "stats", "servers"),
    ("tasks", "results", "models.checkpoints", "models.ops"),
    ("models.clip", "models.llama", "models.transformers", "data.hub"),
    ("models.multimodal", "data.readers"),
    ("models.emma", "models.mplug_owl2"),
    ("models", "data", "scorers", "prompts", "analysis"),
    ("inference", "predictions", "judges"),
    ("reports", "lmms"),
    ("runs", "loggers"),
    ("api", "mini", "interpretability"),
    ("robustness",),
    ("cli",),
    ("__main__",),
)
WRITTEN_LATER = {"results/runs/...", "results/runs/"}  # by commands, below the current folder
LAYER = {room: number for number, layer in enumerate(LAYERS) for room in layer}
BESIDE_THE_ROOMS = {"__main__", "errors", "registry", "types"}


def modules() -> dict[str, Path]:
    """Every module of the package by its name within it; the package itself is the empty name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The room that a module is in: the longest of its beginnings that LAYERS names."""
    parts = module.split(".")
    return next(name for size in range(len(parts), 0, -1) if (name := ".".join(parts[:size])) in LAYER)


def imported_names(path: Path) -> Iterator[str]:
    """The full name of whatever a file imports, wherever in it: `a.b.c` for `import a.b.c` and `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(module: str) -> Iterator[str]:
    """The package's own modules that a module imports, wherever in it and for whatever purpose."""
    for name in imported_names(MODULES[module]):
        if name.split(".")[0] == "emma_eval":
            inner = name.removeprefix("emma_eval").removeprefix(".")
            yield inner if inner in MODULES else inner.rpartition(".")[0]


@pytest.mark.parametrize("module", sorted(filter(None, MODULES)))
def test_a_module_imports_from_the_rooms_below_it_alone(module: str) -> None:
    here = room(module)
    for imported in filter(None, imports(module)):
        there = room(imported)
        assert there == here or LAYER[there] < LAYER[here], f"{module} ({here}) imports {imported} ({there})"


def test_no_module_imports_itself_by_way_of_others() -> None:
    arrows = {module: set(filter(None, imports(module))) - {module} for module in MODULES}
    left = dict(arrows)
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"these import each other in a circle: {', '.join(sorted(left))}"


def test_few_modules_stand_beside_the_rooms() -> None:
    beside = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert beside == BESIDE_THE_ROOMS


@pytest.mark.parametrize("layer", [room for layer in LAYERS for room in layer if room not in BESIDE_THE_ROOMS])
def test_every_room_says_what_it_is_for_and_what_it_may_import(layer: str) -> None:
    text = (PACKAGE / Path(*layer.split(".")) / "__init__.py").read_text()
    assert "May import:" in (ast.get_docstring(ast.parse(text)) or ""), layer


OF_ALL_ROOMS = ("bad_input", "faults")  # they try the whole program, with the helpers of any room


@pytest.mark.parametrize("room", sorted(path.name for path in TESTS.iterdir() if (path / "__init__.py").is_file()))
def test_a_test_imports_helpers_of_its_own_room_and_those_that_all_rooms_share(room: str) -> None:
    """What several rooms need stands directly in tests/. A test module or a conftest is imported by none."""
    for path in (TESTS / room).rglob("*.py"):
        for name in imported_names(path):
            package, _, inner = name.partition(".")
            if package != "tests":
                continue
            module = TESTS.joinpath(*inner.split("."))
            helper = next(p for p in (module.with_suffix(".py"), module.parent.with_suffix(".py")) if p.is_file())
            shared = helper.parent == TESTS or room in OF_ALL_ROOMS
            assert shared or helper.is_relative_to(TESTS / room), f"{path} imports {name}"
            assert not helper.name.startswith(("test_", "conftest")), f"{path} imports {name}"


def test_the_documented_rooms_are_the_layers() -> None:
    """docs/architecture.md lists every room with its level, from the bottom to the top."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (\d+) \| `([\w.]+)` \|", text, flags=re.MULTILINE)
    assert documented == [(str(level), room) for level, layer in enumerate(LAYERS, 1) for room in layer]


def test_what_the_pictures_name_exists() -> None:
    """A dotted name that begins with a room, as `tasks.loading.load_task`, is a module or defined in one."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = re.findall(r"(?<![\w./])[a-z_]+(?:\.\w+)+", text)
    for name in names:
        module, _, attribute = name.rpartition(".")
        if name.split(".")[0] in LAYER and not name.endswith((".md", ".py")) and name not in MODULES:
            assert module in MODULES, f"there is no {name}"
            defined = {getattr(node, "name", "") for node in ast.walk(ast.parse(MODULES[module].read_text()))}
            assert attribute in defined, f"{module} has no {attribute}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    """Paths in backticks that begin with a folder of the project or a room of the package, and the targets of links."""
    text = document.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:emma_eval|tests|tasks|docs|benchmarks|results)/[\w./-]*)`", text)
    inner = re.findall(r"`((?:models|inference|utils|data|tasks|runs|reports|scorers|stats)/[\w./]+\.py)`", text)
    missing = {path for path in paths if not (ROOT / path).exists()} - WRITTEN_LATER
    missing |= {path for path in inner if not (PACKAGE / path).exists()}
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    missing |= {link for link in links if not (document.parent / link).exists()}
    assert not missing, f"{document.name} names {', '.join(sorted(missing))}"


TESTS_OF_SEVERAL_ROOMS = {
    "bad_input",
    "faults",
    "benchmarks",
    "golden",
    "integration",
    "licences",
    "parity",
    "plugins",
    "security",
}  # scripts, and numbers of reference programs


def test_folders_of_tests_are_named_after_rooms() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")} - {Path()}
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    extra = {folder for folder in folders if folder.parts[0] not in TESTS_OF_SEVERAL_ROOMS} - packages
    assert not extra, f"no room of the package: {', '.join(map(str, sorted(extra)))}"


PYTHON_FILES = [
    path for folder in ("emma_eval", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 300, 60


def test_files_and_functions_are_short() -> None:
    """A file holds one idea, a function does one job; a docstring and decorators count."""
    long = []
    for path in PYTHON_FILES:
        text = path.read_text("utf-8")
        if len(text.splitlines()) > LINES_OF_A_FILE:
            long.append(f"{path.relative_to(ROOT)} has {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = 1 + (node.end_lineno or 0) - min(part.lineno for part in (node, *node.decorator_list))
                if lines > LINES_OF_A_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines")
    assert long == []
