"""Every code block of the README and of the docs does what the page says."""

import json
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


def run(folder, *pages):
    place = str(Path(hpopt.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, str(RUNNER), *map(str, pages)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_page(page, folder):
    done = run(folder, page)
    return done.returncode, f"{done.stdout}\n{done.stderr}"


def run_pages(pages, folder):
    """Run pages in one process, whose output is that of each."""
    done = run(folder, *pages)
    said = f"{done.stdout}\n{done.stderr}"
    codes = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return {page: (codes.get(str(page), 1), said) for page in pages}


def needs_keras(page):
    return "needs: keras" in page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result_of(request, tmp_path_factory):
    """Give what returns the exit code and output of a page.

    All pages that are to be tested begin to run at once, three at a time; those that need Keras
    one after the other in one process, as it takes longer to be imported than most pages to run.
    """
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    pages = sorted({params["page"] for params in chosen if "page" in params})
    slow = [page for page in pages if needs_keras(page)]
    with ThreadPoolExecutor(3) as pool:
        folder = tmp_path_factory.mktemp
        together = pool.submit(run_pages, slow, folder("pages")) if len(slow) > 1 else None
        alone = pages if together is None else [page for page in pages if page not in slow]
        runs = {page: pool.submit(run_page, page, folder("page")) for page in alone}
        yield lambda page: runs[page].result() if page in runs else together.result()[page]


@pytest.mark.timeout(900)  # the pages with Keras wait for one another
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_do_what_the_page_says(page, result_of):
    code, said = result_of(page)
    if code == SKIPPED:
        pytest.skip(said.strip())
    assert code == 0, said


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
    code, found = run_page(page, tmp_path)
    assert code == 1
    assert said in found


def test_a_block_that_needs_what_is_missing_is_left_out(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- needs: no_such_module -->\n```python\n1 / 0\n```\n\n```output\n1\n```\n\n"
        "```python\nopen('ran', 'w').close()\n```\n"
    )
    code, said = run_page(page, tmp_path)
    assert code == SKIPPED
    assert "without what needs no_such_module" in said
    assert (tmp_path / "ran").exists()
