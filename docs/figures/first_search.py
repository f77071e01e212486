"""The picture of the front page: the trials of its example, run while the site is built.

The example is read from the page, so that the picture and the code cannot differ.
"""

import os
import re
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

here = Path.cwd()  # the folder of this file
page = (here.parent / "index.md").read_text(encoding="utf-8")
example = re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
names = {"__name__": "__main__"}
with tempfile.TemporaryDirectory() as folder:  # for its study file
    os.chdir(folder)
    exec(example, names)
    trials = names["result"].trials  # read while the file is there
    os.chdir(here)

errors = np.array([100 * trial.values["error"] for trial in trials])
figure, axes = plt.subplots(figsize=(7, 3.2))
for model, color in (("forest", "C1"), ("svm", "C0")):
    chosen = [n for n, trial in enumerate(trials) if trial.config["model"] == model]
    axes.plot(chosen, errors[chosen], "o", ms=5, color=color, label=model)
axes.step(
    range(len(errors)),
    np.minimum.accumulate(errors),
    where="post",
    color="0.4",
    label="best so far",
)
axes.set(xlabel="trial", ylabel="error, % (cross-validated)", yscale="log")
axes.set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
axes.minorticks_off()
axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
