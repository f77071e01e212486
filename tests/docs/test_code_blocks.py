"""Every code block of the README and of the docs does what the page says."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hpopt

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("run_page.py")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SKIPPED = 77


def run_page(page, folder):
    place = str(Path(hpopt.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, str(RUNNER), str(page)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """Give the runs of all pages that are to be tested, three at a time, the longest first."""
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    pages = sorted(
        {params["page"] for params in chosen if "page" in params},
        key=lambda page: ("needs: keras" not in page.read_text(), page),
    )
    with ThreadPoolExecutor(3) as pool:
        yield {page: pool.submit(run_page, page, tmp_path_factory.mktemp("page")) for page in pages}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_do_what_the_page_says(page, runs):
    done = runs[page].result()
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```python\nprint(1)\n```\n\n```output\n2\n```\n", "must print"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("<!-- raises: ValueError -->\n```python\nint('1')\n```\n", "nothing was raised"),
        ("```sh\nhpopt nonsense\n```\n", "exit code 0, but ended with 2"),
        ('```toml\nproblem = "a.py:A"\ntrails = 3\n```\n', "did you mean 'trials'"),
        ("```json\n{1}\n```\n", "JSONDecodeError"),
        ("```\nwhat is it?\n```\n", "a block must be one of"),
    ],
    ids=["output", "error", "no_error", "shell", "run_file", "json", "language"],
)
def test_a_wrong_block_is_found(text, said, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{text}")
    done = run_page(page, tmp_path)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_a_block_that_needs_what_is_missing_is_left_out(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- needs: no_such_module -->\n```python\n1 / 0\n```\n\n```output\n1\n```\n\n"
        "```python\nopen('ran', 'w').close()\n```\n"
    )
    done = run_page(page, tmp_path)
    assert done.returncode == SKIPPED
    assert "without what needs no_such_module" in done.stdout
    assert (tmp_path / "ran").exists()
