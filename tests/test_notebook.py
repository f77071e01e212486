"""Notebooks: what is run in one shows itself, and progress is one output, updated in place."""

import pytest

import hpopt
from hpopt.progress import Notebook, Snapshot

CELLS = [
    """
import hpopt
space = {"<script>x": hpopt.Float(0, 1), "kind": hpopt.Categorical(["<b>a</b>", "b"])}
def loss(config):
    if config["kind"] == "b":
        raise ValueError("<i>no</i>")
    return config["<script>x"]
problem = hpopt.FunctionProblem(loss, space)
study = hpopt.Study(problem, "random", seed=0)
result = study.run(trials=30)
""",
    "problem.space",
    "result.trials[0]",
    "result",
    "study",
]


@pytest.fixture(scope="module")
def outputs():
    """Run the cells in a kernel; give the outputs of each."""
    for name in ("ipykernel", "nbclient", "nbformat"):
        pytest.importorskip(name, reason=f"needs {name}")
    import nbformat
    from nbclient import NotebookClient

    updates = []

    class Client(NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] == "update_display_data":
                updates.append(message["content"])
            return super().process_message(message, cell, index)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    Client(notebook, timeout=120, kernel_name="python3").execute()
    return [cell["outputs"] for cell in notebook.cells], updates


def test_progress_is_one_output_that_was_updated(outputs):
    (progress, *_), updates = outputs
    assert [each["output_type"] for each in progress] == ["display_data"]
    assert len(updates) >= 3
    assert len({each["transient"]["display_id"] for each in updates}) == 1
    html = progress[0]["data"]["text/html"]
    assert "30/30 trials" in html
    assert "ended as 30 trials are done" in html
    assert "<progress" not in html
    assert any("<progress" in each["data"]["text/html"] for each in updates)
    assert "failed: ValueError: &lt;i&gt;no&lt;/i&gt;" in html
    assert "the best 5 of 30 trials" in html
    assert "30/30 trials" in progress[0]["data"]["text/plain"]


def test_what_is_looked_at_is_html_and_escaped(outputs):
    (_, *others), _ = outputs
    assert len(others) == 4
    for cell, said in zip(others, ("may be", "status", "30 trials", "30 trials"), strict=True):
        (output,) = cell
        html = output["data"]["text/html"]
        assert "<table" in html
        assert said in html
        assert "&lt;script&gt;x" in html
        assert "<script" not in html
        assert "<b>a" not in html


class TestWithoutKernel:
    def snapshot(self, **changes):
        state = {"n_done": 1, "n_bad": 0, "n_new": 1, "n_running": 0, "total": 4.0}
        loss, best = hpopt.Objective("loss"), None
        return Snapshot(**{**state, **changes}, seconds=1, limit=2, best=best, objective=loss)

    def test_updates_are_not_too_many(self, monkeypatch):
        clock, display, updates = [0.0], Notebook(), []
        monkeypatch.setattr("hpopt.progress.notebook.time.monotonic", lambda: clock[0])
        monkeypatch.setattr(display, "_update", lambda *given: updates.append(given))
        for moment in (0.0, 0.1, 0.2, 0.3, 0.4, 5.0):
            clock[0] = moment
            display.show(self.snapshot())
        assert len(updates) == 3

    def test_what_was_said_is_not_without_end(self):
        display = Notebook()
        for n in range(100):
            display.say(f"<sentence {n}>")
        html = display._output._repr_html_()
        assert html.count("<li>") == 20
        assert "&lt;sentence 99&gt;" in html

    def test_without_an_end_the_bar_has_no_value(self):
        display = Notebook()
        display.show(self.snapshot(total=float("inf")))
        assert "<progress max" in display._output._repr_html_()
        assert "value=" not in display._output._repr_html_()
