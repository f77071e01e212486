"""Train several networks of equal architecture as one computation, on JAX.

Keras' own step of training is mapped over stacks of variables: one array for each variable of a
model, with a row for each of K places. An epoch of all K is one call. A training that has ended
gives its place to the next one; the others are not touched.

| file | what |
| --- | --- |
| `size.py` | K: what a user gives, and what ``"auto"`` takes |
| `guessing.py` | which configs probably have one architecture, without a model |
| `forms.py` | **the seam**: which models share stacks, and how a model's variables lie in a row |
| `data.py` | the examples, on the device, of which members take rows by number |
| `epoch.py` | the epoch of K members, traced and compiled |
| `places.py` | the K places: filled, trained for an epoch, read |
| `member.py` | one training in a place: what follows each of its epochs |
| `widths.py`, `width_layers.py` | narrow networks inside a wider one, where that changes nothing |
| `wide_widths.py` | the widths of the wider one |
| `narrow_dropout.py` | its dropouts, which draw what the narrow network draws |
| `group.py` | the trials of a group: begun, parted by form, trained, refilled |
"""
