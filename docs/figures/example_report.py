"""The report that its guide links to: the example of the guide is run while the site is built."""

import os
import re
import tempfile
from pathlib import Path

GUIDE = Path(__file__).parent.parent / "guides" / "report.md"


def write_example_report(path: Path) -> None:
    """Run the example as the page has it, and write its report."""
    page = GUIDE.read_text(encoding="utf-8")
    example = re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(example, {"__name__": "__main__"})
            path.write_bytes(Path("model.html").read_bytes())
        finally:
            os.chdir(here)
