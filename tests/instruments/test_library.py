"""Every instrument of the library keeps the contract, and has the sizes it is asked for."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from synthex.core import ConfigError, Rigid
from synthex.instruments import Instrument, library
from synthex.instruments.library.guide import PARTS
from synthex.instruments.library.retractor import ribbon
from synthex.instruments.library.twist import with_helix
from synthex.instruments.sweep import enclosed_volume, lathe
from synthex.physics import get_material

CLASSES = [getattr(library, name) for name in library.__all__]
CONF = Path(__file__).parents[2] / "conf" / "instrument"


def part(body, name):
    return next(solid for solid in body.solids if solid.name == f"{body.name}/{name}")


def volume(solid):
    return enclosed_volume((solid.vertices_world, solid.faces))


@pytest.mark.parametrize("kind", CLASSES)
def test_contract(kind):
    instrument = kind()
    assert isinstance(instrument, Instrument)
    one, other = (instrument.draw(np.random.default_rng(7)) for _ in range(2))
    assert one == other == json.loads(json.dumps(one))
    body, again = instrument.body(one), instrument.body(one)
    assert body.record == one
    assert tuple(body.landmarks) == instrument.landmarks
    for solid, same in zip(body.solids, again.solids, strict=True):
        np.testing.assert_array_equal(solid.vertices_world, same.vertices_world)
        assert solid.name.startswith(f"{instrument.name}/")
        assert get_material(solid.material)
        assert len(solid.faces) <= 2000
        assert volume(solid) > 0
    np.testing.assert_array_equal(body.centerline[0], 0)
    np.testing.assert_array_equal(body.shaft[-1], 0)
    assert (body.centerline[1:, 2] > 0).all()
    assert (body.shaft[:-1, 2] < 0).all()
    assert body.radius_mm > 0
    if instrument.landmarks:
        np.testing.assert_array_equal(body.landmarks["base"], body.centerline[0])
        np.testing.assert_array_equal(body.landmarks["tip"], body.centerline[-1])


@pytest.mark.parametrize("kind", CLASSES)
def test_every_size_within_the_limits_makes_a_body(kind):
    widest = kind(**kind.limits)
    rng = np.random.default_rng(1)
    for _ in range(10):
        sizes = widest.draw(rng)
        # Combinations of extremes are what breaks shapes.
        ends = {key: float(rng.choice(kind.limits[key])) for key in kind.limits}
        for values in (sizes, {**sizes, **ends}):
            for solid in widest.body(values).solids:
                assert volume(solid) > 0


@pytest.mark.parametrize("kind", CLASSES)
def test_rest_is_the_middle_of_the_ranges_and_a_number_is_a_range(kind):
    key = next(iter(kind.limits))
    low, high = getattr(kind(), key)
    assert kind().body({}).record[key] == pytest.approx((low + high) / 2)
    fixed = kind(**{key: low})
    assert fixed.draw(np.random.default_rng(0))[key] == low


@pytest.mark.parametrize("kind", CLASSES)
def test_mistakes(kind):
    key, (least, most) = next(iter(kind.limits.items()))
    with pytest.raises(ConfigError, match=f"{key}=.* must be a number or"):
        kind(**{key: [most, least]})
    for value in ([least], [least, float("nan")], float("nan")):
        with pytest.raises(ConfigError, match=f"{key}=.* must be a number or"):
            kind(**{key: value})
    for name in ("a/b", ""):
        with pytest.raises(ConfigError, match="must be a word without"):
            kind(name=name)
    material = next(field.name for field in fields(kind) if field.name.endswith("material"))
    with pytest.raises(ConfigError, match="unknown material 'steal'"):
        kind(**{material: "steal"})
    with pytest.raises(ConfigError, match="has no 'length'; it has"):
        kind().body({"length": 3.0})
    with pytest.raises(ConfigError, match=f"{key} of .* its range is"):
        kind().body({key: most + 1})


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_configs_hold_the_defaults_of_every_attribute(path):
    config = OmegaConf.load(path)
    if path.stem == "file":
        assert OmegaConf.is_missing(config, "path")
        return
    made = instantiate(config)
    assert made == type(made)()
    assert list(config)[1:] == [field.name for field in fields(made)]


def test_helices_are_right_handed_and_as_deep_as_asked():
    rod = lathe(np.array([(z, 3.0) for z in np.linspace(0, 10, 41)]), 24)
    vertices, _ = with_helix(rod, lambda phase, z: np.where(np.abs(phase - 0.5) < 0.05, 1.0, 0.0), 4.0)
    radius = np.hypot(*vertices[:, :2].T)
    outer = np.hypot(*rod[0][:, :2].T).max()
    groove = vertices[(radius < outer - 0.5) & (radius > 1)]
    np.testing.assert_allclose(np.hypot(*groove[:, :2].T), outer - 1)
    # A right-handed helix advances by its pitch as it turns anticlockwise, seen from +z.
    turns = groove[:, 2] / 4.0 - np.arctan2(groove[:, 1], groove[:, 0]) / (2 * np.pi)
    assert np.abs(np.mod(turns, 1) - 0.5).max() < 0.05


def test_a_wire_is_a_cylinder_and_a_cone():
    body = library.KWire(bow_mm=0.0).body({})
    radius, length = 1.2, 60 + 150 - 6.0
    wanted = np.pi * radius**2 * (length + 6.0 / 3)
    assert volume(body.solids[0]) == pytest.approx(wanted, rel=1e-9)
    bowed = library.KWire(bow_mm=20.0).body({})
    np.testing.assert_allclose(bowed.shaft[0], (20, 0, -150))


def test_a_screw_weighs_between_its_core_and_its_thread():
    body = library.CannulatedScrew(length_mm=80.0, thread_mm=32.0).body({})
    sizes = body.record
    crest = sizes["thread_diameter_mm"] / 2
    core, lumen = crest * sizes["core_share"], crest * sizes["core_share"] * sizes["lumen_share"]
    solid = part(body, "screw")
    assert np.pi * (core**2 - lumen**2) * 80 < volume(solid) < np.pi * (crest**2 - lumen**2) * 90
    radii = np.hypot(*solid.vertices_world[:, :2].T)
    threaded = radii[(solid.vertices_world[:, 2] > 50) & (solid.vertices_world[:, 2] < 75) & (radii > 1.2 * lumen)]
    # Corners of ten-sided polygons of a circle's area lie 3.4 % outside.
    assert threaded.max() <= 1.035 * crest
    assert threaded.max() > 0.95 * crest
    assert threaded.min() < core * 1.06


def test_a_ribbon_is_as_wide_and_as_thick_as_asked():
    line = np.array([(0, 0, 0), (0, 0, 20.0), (0, 10, 30)])
    vertices, faces = ribbon(line, np.array((8.0, 8, 4)), 2.0)
    assert enclosed_volume((vertices, faces)) == pytest.approx(2 * (8 * 20 + 6 * 10 * np.sqrt(2)), rel=0.01)
    start, end = vertices[np.abs(vertices[:, 2]) < 1e-9], vertices[vertices[:, 2] > 28]
    np.testing.assert_allclose((start[:, 0].min(), start[:, 0].max(), np.ptp(start[:, 1])), (-4, 4, 2))
    np.testing.assert_allclose(np.ptp(end[:, 0]), 4)


def test_a_leads_wire_is_as_long_as_asked():
    lead = library.EkgLead(wire_mm=300.0, lift_mm=0.0)
    for seed in range(5):
        body = lead.body(lead.draw(np.random.default_rng(seed)))
        wire = body.shaft[:-1]
        assert np.linalg.norm(np.diff(wire, axis=0), axis=1).sum() == pytest.approx(300, rel=1e-9)
        # Never doubling back: it comes from z < 0 all along.
        assert (np.diff(wire[:, 2]) > 0).all()
    with pytest.raises(ConfigError, match="5 angles within 70"):
        lead.body({"headings_deg": [80.0] * 5})
    with pytest.raises(ConfigError, match="heading_deg=100"):
        library.EkgLead(heading_deg=100)


def test_a_hips_head_is_at_its_offset_in_its_cup():
    body = library.HipImplant(offset_mm=42.0, ccd_deg=135.0, head_diameter_mm=32.0).body({})
    head = part(body, "head")
    center = (head.vertices_world.max(axis=0) + head.vertices_world.min(axis=0)) / 2
    np.testing.assert_allclose(center, (42, 0, -42), atol=0.05)
    assert volume(head) == pytest.approx(4 / 3 * np.pi * 16**3, rel=0.01)
    distances = np.linalg.norm(part(body, "shell").vertices_world - (42, 0, -42), axis=1)
    liner, shell = body.record["liner_mm"], body.record["shell_mm"]
    assert distances.min() == pytest.approx(16 + liner, rel=1e-6)
    # Corners of polygons of a circle's area lie 0.5 % outside.
    assert distances.max() == pytest.approx(16 + liner + shell, rel=0.01)
    assert part(body, "stem").vertices_world[:, 2].max() == pytest.approx(body.record["stem_mm"])


def test_a_guide_wire_stands_out_of_its_sleeve_by_what_is_inserted():
    guide = library.GuideWire(parts=dict.fromkeys(PARTS, 1))
    rng = np.random.default_rng(3)
    for _ in range(20):
        joints = guide.draw(rng)
        body = guide.body(joints)
        assert joints["parts"] == list(PARTS)
        found = {solid.name.split("/")[1]: solid for solid in body.attachments}
        assert set(found) == {*PARTS, "drive"}
        for solid in body.attachments:
            assert not solid.name.startswith("k_wire/")
            assert volume(solid) > 0
            assert solid.vertices_world[:, 2].max() <= 1e-9 or solid.name.endswith("plate")
        assert found["sleeve"].vertices_world[:, 2].max() == 0
        assert body.landmarks["tip"][2] == joints["inserted_mm"]
        assert body.solids[0].vertices_world[:, 2].max() == pytest.approx(joints["inserted_mm"])
        across = np.hypot(*found["sleeve"].vertices_world.T[:2])
        assert across.min() > joints["diameter_mm"] / 2


def test_short_ends_are_the_most_frequent_and_parts_come_as_often_as_asked():
    guide, rng = library.GuideWire(parts={"sleeve": 0.5, "outer": 0.5}), np.random.default_rng(0)
    draws = [guide.draw(rng) for _ in range(2000)]
    # The square of a uniform number is below a quarter half of the time.
    assert np.mean([draw["inserted_mm"] < 0.5 + 0.25 * 79.5 for draw in draws]) == pytest.approx(0.5, abs=0.05)
    assert np.mean(["sleeve" in draw["parts"] for draw in draws]) == pytest.approx(0.5, abs=0.05)
    assert np.mean(["outer" in draw["parts"] for draw in draws]) == pytest.approx(0.25, abs=0.05)


def test_attachments_move_along():
    body = library.GuideWire().body({"parts": ["sleeve"]})
    there = body.moved(Rigid.from_parts(np.eye(3), np.array((1.0, 2, 3))))
    moved = there.attachments[0].vertices_world - body.attachments[0].vertices_world
    np.testing.assert_allclose(moved, np.tile((1, 2, 3), (len(moved), 1)), atol=1e-9)


@pytest.mark.parametrize(
    ("parts", "message"),
    [({"sleeves": 1}, "has no 'sleeves'; choose from sleeve"), ({"chuck": 2}, "parts.chuck=2 of k_wire must be")],
)
def test_mistakes_in_the_parts_of_a_guide(parts, message):
    with pytest.raises(ConfigError, match=message):
        library.GuideWire(parts=parts)
