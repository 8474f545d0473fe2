"""Tables taken from around bodies, held against scenes whose parts are known."""

import numpy as np
import pytest

from synthex.anatomy.scanner_table import WithoutTable, without_table
from synthex.core import Affine, Anatomy, Volume

EDGE = 3.0


def scanned(order=(0, 1, 2), lifted_mm=0.0):
    """A trunk with a lung and an arm, on a table with a blanket, in RAS; masks of what is whose."""
    half = np.array((150.0, 120.0, 45.0))
    x, y, _ = np.meshgrid(*[np.arange(-h + EDGE / 2, h, EDGE) for h in half], indexing="ij")
    trunk = (x / 100) ** 2 + ((y - 10) / 70) ** 2 <= 1
    lung = (x / 40) ** 2 + ((y - 10) / 40) ** 2 <= 1
    arm = np.hypot(x - 125, y - 10) <= 21
    table = np.abs(y + 66 + lifted_mm + 0.001 * x**2) <= 4.5
    core = (np.abs(y + 80 + lifted_mm) <= 10) & ~table
    bar = (np.abs(y + 105) <= 6) & (np.abs(x) < 60)
    blanket = np.abs(np.hypot(x / 130, (y - 5) / 95) - 1) < 0.012
    ct = np.full(x.shape, -1000, dtype=np.int16)
    ct[blanket], ct[core], ct[table], ct[bar] = -200, -850, 100, 700
    ct[trunk], ct[arm] = 30, 20
    ct[lung & trunk] = -820
    parts = {"body": trunk | arm, "lung": lung & trunk, "around": (table | core | bar | blanket) & ~trunk & ~arm}
    linear = (np.eye(3) * EDGE)[:, order]
    grid = Affine.from_parts(linear, -half + EDGE / 2)
    ct = np.ascontiguousarray(ct.transpose(order))
    labels = np.zeros(ct.shape, dtype=np.uint8)
    parts = {name: part.transpose(order) for name, part in parts.items()}
    return Anatomy("scanned", Volume(ct, grid), Volume(labels, grid), {"screw": 1}, {}), parts


@pytest.mark.parametrize(("order", "lifted_mm"), [((0, 1, 2), 0.0), ((2, 0, 1), 0.0), ((0, 1, 2), 6.0)])
def test_the_body_stays_whole_and_what_lies_around_it_goes(order, lifted_mm):
    before, parts = scanned(order, lifted_mm)
    after = without_table(before).ct.data
    np.testing.assert_array_equal(after[parts["body"]], before.ct.data[parts["body"]])  # the lung within it too
    left = (after > -900) & parts["around"]
    assert left.sum() < 0.04 * parts["around"].sum()  # what touches the skin, not wider than a voxel
    assert parts["around"][before.ct.data > -900].sum() > 1000


def test_what_is_labelled_stays_wherever_it_is():
    before, parts = scanned()
    labels = parts["around"].astype(np.uint8)
    labelled = Anatomy("scanned", before.ct, Volume(labels, before.ct.world_from_ijk), {"screw": 1}, {})
    np.testing.assert_array_equal(without_table(labelled).ct.data[parts["around"]], before.ct.data[parts["around"]])


@pytest.mark.parametrize("hu", [-1000, 0])
def test_a_volume_of_one_thing_stays_as_it_is(hu):
    data = np.full((20, 20, 20), hu, dtype=np.int16)
    grid = Affine.from_parts(np.eye(3) * EDGE, np.zeros(3))
    subject = Anatomy("one", Volume(data, grid), Volume(np.zeros(data.shape, dtype=np.uint8), grid), {}, {})
    assert without_table(subject) is subject


def test_the_source_without_tables_is_another_source():
    class One:
        def subject_ids(self):
            return ("scanned",)

        def load(self, subject_id):
            return scanned()[0]

        def fingerprint(self, subject_id):
            return "f"

    source = WithoutTable(One())
    assert source.subject_ids() == ("scanned",)
    assert source.fingerprint("scanned") != "f"
    assert (source.load("scanned").ct.data != scanned()[0].ct.data).any()
