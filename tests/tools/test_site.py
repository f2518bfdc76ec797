"""The documentation's own programs, and that the pages name what there is; that links hold is checked by the build."""

import importlib.util
import re
import textwrap
from pathlib import Path

import pytest

import slam

ROOT = Path(__file__).parents[2]
griffe = pytest.importorskip("griffe", reason="the documentation's packages are not installed")


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_out_of_docs_lead_to_the_file_within_the_site():
    markdown = "[loop](../../slam/pipeline.py) [card](../../slam/weights/earlybird-matcher.md#exits) [page](../live.md)"
    assert tool("site_files").rewritten(markdown, "results/speed.md") == (
        "[loop](../slam/pipeline.py) [card](../slam/weights/earlybird-matcher.md#exits) [page](../live.md)"
    )


def test_pages_of_the_top_link_into_docs_without_its_name():
    markdown = "[how](docs/how_it_works.md#conventions) [changes](CHANGELOG.md)"
    assert tool("site_files").rewritten(markdown, "CONTRIBUTING.md") == (
        "[how](how_it_works.md#conventions) [changes](CHANGELOG.md)"
    )


def test_addresses_and_missing_files_are_left_as_they_are():
    markdown = "[web](https://example.org/slam) [gone](../slam/nothing.py) [outside](../../../etc/passwd)"
    assert tool("site_files").rewritten(markdown, "live.md") == markdown


def test_the_comment_behind_a_field_is_its_documentation(tmp_path):
    (tmp_path / "boxes.py").write_text(
        textwrap.dedent('''
            class Box:
                size: tuple[int, ...] = (
                    3,  # m, of a side
                )
                name: str = "#1"
                hue: float = 0.0  # rad
                """Told below."""
        ''')
    )
    extensions = griffe.load_extensions(tool("field_comments").FieldComments)
    box = griffe.load("boxes", search_paths=[tmp_path], extensions=extensions)["Box"]
    told = {name: box[name].docstring and box[name].docstring.value for name in ("size", "name", "hue")}
    assert told == {"size": "m, of a side", "name": None, "hue": "Told below."}


def test_the_api_page_has_every_public_name():
    shown = set(re.findall(r"^::: (\S+)", (ROOT / "docs" / "api.md").read_text(), re.M))
    assert {f"{home}.{name}" for name, home in slam.HOMES.items()} <= shown


def test_a_file_above_the_limit_is_refused_before_it_is_committed(tmp_path, capsys):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"1")
    large.write_bytes(bytes(2_000_001))
    assert tool("check_sizes").main([str(small), str(tmp_path / "deleted")]) == 0
    assert tool("check_sizes").main([str(small), str(large)]) == 1
    assert "large: 2.0 MB" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_the_pages_of_the_top_link_to_is_there(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / page).read_text())
    assert links and [link for link in links if not (ROOT / link).exists()] == []
