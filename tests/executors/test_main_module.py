"""What a script or notebook defines is `__main__.X` in a worker process too."""

import pytest

DEFINITIONS = """
import collections, dataclasses, enum, io, multiprocessing, pickle, sys
import joblib
from hpopt.executors import ProcessExecutor, make_executor

class Model:
    class Part:
        pass

@dataclasses.dataclass
class Data:
    x: int

class Color(enum.Enum):
    RED = 1

Point = collections.namedtuple("Point", "x y")
part = Model.Part()

def square(x):
    return x * x

def there_and_back(value):
    again = pickle.loads(pickle.dumps(value))
    return type(again) is type(value) and again

def pooled(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.map_async(square, [3]).get(30), type(pool.apply(Model)) is Model

def dumped():
    file = io.BytesIO()
    joblib.dump([Model, square], file)
    file.seek(0)
    return joblib.load(file)[0] is Model

def parallel():
    return joblib.Parallel(2)([joblib.delayed(square)(3)])

def nested(value):
    with ProcessExecutor(1) as executor:
        return executor.submit(there_and_back, value).result()
"""

SCRIPT = """
if __name__ == "__main__":
    class Guarded:
        pass

    def guarded():
        return type(pickle.loads(pickle.dumps(Guarded()))) is Guarded

    with make_executor(NAME, 1)[0] as executor:
        def call(function, *args):
            return executor.submit(function, *args).result()

        for _ in range(2):
            assert call(there_and_back, Data(3)) == Data(3)
            assert call(there_and_back, Color.RED) is Color.RED
            assert call(there_and_back, Point(1, 2)) == Point(1, 2)
            assert isinstance(call(there_and_back, part), Model.Part)
            assert call(dumped) and call(guarded)
        assert call(nested, Data(3)) == Data(3)
        assert call(pooled, "spawn") == ([9], True)
        assert call(parallel) == [9]
        assert call(lambda: sys.argv) == sys.argv
    print("all of it")
"""


@pytest.mark.parametrize("name", ["processes", "joblib", "dask"])
def test_what_is_pickled_in_a_worker_is_found_by_its_name(start_driver, name):
    driver = start_driver(DEFINITIONS + SCRIPT.replace("NAME", repr(name)))
    assert driver.communicate(timeout=120)[0] == "all of it\n"


TRACEBACK = """
from hpopt.executors import make_executor

def wrong():
    def inner():
        return missing_name
    return inner()

if __name__ == "__main__":
    with make_executor("processes", 1)[0] as executor:
        error = executor.submit(wrong).exception()
    text = str(error.__cause__)
    print(__file__ in text and "return missing_name" in text)
"""


def test_tracebacks_name_the_file_of_what_was_carried(start_driver):
    driver = start_driver(TRACEBACK)
    assert driver.communicate(timeout=120)[0] == "True\n"


NOTEBOOK = """
import sys, types

sys.modules["__main__"] = types.ModuleType("__main__")

def cell(code):
    exec(compile(code, "<cell>", "exec"), vars(sys.modules["__main__"]))

cell(DEFINITIONS)
cell('''
class Result:
    version = 1

def save():
    result = Result()
    data = pickle.dumps([result, square])
    assert type(pickle.loads(data)[0]) is Result
    return data, result

def call(function):
    return function()

def check(function, version, is_newest):
    data, result = executor.submit(call, function).result()
    assert result.version == version and isinstance(result, Result) == is_newest
    assert type(pickle.loads(data)[0]) is Result

executor = ProcessExecutor(1)
shared = executor.share(save)
for function in (save, shared, save, shared):
    check(function, 1, True)
''')
cell('''
class Result:
    version = 2

def save():
    result = Result()
    return pickle.dumps([result, square]), result

for _ in range(2):
    check(save, 2, True)
    check(shared, 1, False)

def there(names=("os", "main", "__file__", "Result", "call")):
    return [name for name in names if hasattr(sys.modules["__main__"], name)]

assert executor.submit(there).result() == ["Result", "call"]
executor.shutdown()
print("all of it")
''')
"""


def test_in_a_notebook_a_warm_worker_has_the_newest_definition(start_driver):
    driver = start_driver(NOTEBOOK.replace("DEFINITIONS", repr(DEFINITIONS), 1))
    assert driver.communicate(timeout=120)[0] == "all of it\n"


UNGUARDED = """
import math, multiprocessing
import hpopt

def pooled(config):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map_async(math.sqrt, [config["x"]]).get(60)[0]

problem = hpopt.FunctionProblem(pooled, {"x": hpopt.Float(0, 1)})
result = hpopt.optimize(problem, "random", trials=2, workers=2, progress=False)
print([trial.status for trial in result.trials])
"""


def test_a_script_without_a_guard_is_not_run_by_what_its_evaluations_spawn(start_driver):
    driver = start_driver(UNGUARDED)
    assert driver.communicate(timeout=120)[0] == "['complete', 'complete']\n"


HALF_GUARDED = """
import concurrent.futures, multiprocessing
import hpopt

def square(x):
    return x * x

def pooled():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(square, 3).result()

with hpopt.executors.ProcessExecutor(1) as executor:
    future = executor.submit(pooled)
print(type(future.exception()).__name__)
if __name__ != "__main__":
    future.result()
"""


def test_no_worker_starts_while_a_child_imports_the_script(start_driver):
    driver = start_driver(HALF_GUARDED)
    printed, _ = driver.communicate(timeout=120)
    assert printed == "BrokenProcessPool\n"
