import pytest


@pytest.fixture
def eagerly():
    """Let networks be trained without a graph: to trace one takes longer than a few small steps."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
