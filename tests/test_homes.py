"""Each heavy library has one home, and only the command line exits. Read from the source, not by importing."""

import ast
from pathlib import Path

import pytest

import slam

ROOT = Path(slam.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
HOMES = {
    "torch": ("features/", "matching/", "learning/", "running/threads.py"),
    "onnx": ("features/", "matching/"),
    "onnxruntime": ("features/", "matching/"),
    "openvino": ("features/",),
    "gtsam": ("graph/",),
    "open3d": ("viewer/", "rendering/", "export/mesh.py"),
    "viser": ("viewer/browser_page.py",),
    "pyrealsense2": ("sources/realsense",),
    "rich": ("terminal.py", "terminal_doctor.py", "terminal_calibration.py", "dashboard.py"),
    "h5py": ("pairs/hloc_files.py",),
    "ray": ("running/engines.py",),
    "evo": (),
}


def imported(tree):
    """Top-level packages that a file imports anywhere, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def imported_at_once(tree):
    """What importing the file imports: everything outside functions."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from imported(node)


def calls(tree):
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_there_are_files_to_look_at():
    assert {"pipeline.py", "graph/bundle.py", "tracking/pose.py"} <= FILES.keys()
    assert "gtsam" in imported(FILES["graph/bundle.py"])


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_stays_in_its_home(library):
    users = [name for name, tree in FILES.items() if library in imported(tree)]
    assert [name for name in users if not name.startswith(HOMES[library])] == []


def test_open3d_is_imported_only_when_it_is_used():
    assert [name for name, tree in FILES.items() if "open3d" in imported_at_once(tree)] == []


def test_nothing_prints():
    assert [name for name, tree in FILES.items() if "print" in calls(tree)] == []


def test_only_the_command_line_exits():
    exits = {"sys.exit", "exit", "quit", "os._exit"}
    assert [name for name, tree in FILES.items() if exits & calls(tree) and name != "cli.py"] == []


def test_every_module_says_what_it_is():
    assert [name for name, tree in FILES.items() if tree.body and not ast.get_docstring(tree)] == []
