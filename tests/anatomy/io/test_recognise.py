"""Numberings are told by what lies where, and labels that contradict anatomy or the CT are refused with the reason."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from generators.ct_files import write_itk

from synthex.anatomy.hip_landmarks import find_hip_landmarks
from synthex.anatomy.io import (
    SYNTHEX_HIP,
    TOTALSEGMENTATOR,
    TOTALSEGMENTATOR_V1,
    measure_parts,
    named_parts,
    read_labels,
)
from synthex.anatomy.io.facts import facts_about, meaning, spelled
from synthex.anatomy.io.recognise import check_anatomy, contradiction, recognise_numbering
from synthex.core import Affine, InputError, UserError, Volume

SHAPE = (60, 40, 70)
AFFINE = np.diag((4.0, 4.0, 4.0, 1.0))
# Boxes of a pelvis and a few ribs; index i grows to the patient's right, j to the front, k to the head.
BOXES = {
    "femur_left": ((8, 18), (14, 24), (2, 16)),
    "femur_right": ((42, 52), (14, 24), (2, 16)),
    "hip_left": ((6, 20), (12, 28), (16, 36)),
    "hip_right": ((40, 54), (12, 28), (16, 36)),
    "sacrum": ((26, 34), (6, 14), (22, 36)),
    "vertebrae_L5": ((26, 34), (8, 18), (37, 42)),
    "vertebrae_L4": ((26, 34), (8, 18), (43, 48)),
    **{f"rib_right_{n}": ((50, 55), (10, 30), (78 - 3 * n, 80 - 3 * n)) for n in (6, 7, 8, 9)},
    **{f"rib_left_{n}": ((5, 10), (10, 30), (78 - 3 * n, 80 - 3 * n)) for n in (6, 7, 8, 9)},
}
PELVIS = tuple(name for name in BOXES if not name.startswith("rib"))


def _labels(table: Mapping[str, tuple[int, ...]], names: tuple[str, ...] = tuple(BOXES)) -> np.ndarray:
    values = np.zeros(SHAPE, np.uint8)
    for name in names:
        values[tuple(slice(*ends) for ends in BOXES[name])] = table[name][0]
    return values


def _ct(values: np.ndarray) -> Volume:
    hu = np.full(SHAPE, -1000, np.int16)
    hu[3:57, 4:36] = 40
    hu[values > 0] = 400
    return Volume(hu, Affine(AFFINE))


def _read(folder: Path, values: np.ndarray, ct: Volume | None = None, affine: np.ndarray = AFFINE, **options: object):
    path = write_itk(folder / "labels.nii.gz", values, affine)
    return read_labels(path, _ct(values) if ct is None else ct, **options)


@pytest.mark.parametrize(
    "names", [tuple(BOXES), PELVIS, ("hip_left", "hip_right", "sacrum"), ("femur_left", "femur_right")]
)
@pytest.mark.parametrize("table", [TOTALSEGMENTATOR, TOTALSEGMENTATOR_V1], ids=["v2", "v1"])
def test_versions_of_totalsegmentator_are_told_apart(
    tmp_path: Path, table: Mapping[str, tuple[int, ...]], names: tuple[str, ...]
) -> None:
    values = _labels(table, names)
    read = _read(tmp_path, values)
    assert dict(read.structures) == {name: table[name][0] for name in names}
    assert read.numbering.startswith("totalsegmentator_v1 (" if table is TOTALSEGMENTATOR_V1 else "totalsegmentator (")
    if len(names) > 2:  # a map without HU says the same
        parts = measure_parts(Volume(values, Affine(AFFINE)))
        assert recognise_numbering(tmp_path, set(parts), parts).ids is table


def test_what_fits_both_versions_is_refused_with_what_to_write(tmp_path: Path) -> None:
    values = _labels({"sacrum": (60,)}, ("sacrum",))
    with pytest.raises(InputError, match="label_names=totalsegmentator_v1") as caught:
        _read(tmp_path, values)
    assert "labels.yaml" in str(caught.value)
    assert _read(tmp_path, values, names="totalsegmentator").structures == {"brachiocephalic_vein_right": 60}


def test_ids_of_neither_are_refused(tmp_path: Path) -> None:
    order = ["sacrum", "hip_left", "hip_right", "femur_left", "femur_right", "vertebrae_L4", "vertebrae_L5"]
    table = {name: (number,) for number, name in enumerate(order, start=30)}
    with pytest.raises(InputError, match=r"labels\.yaml"):
        _read(tmp_path, _labels(table, PELVIS))
    names = {name: ids[0] for name, ids in table.items()}
    assert _read(tmp_path, _labels(table, PELVIS), names=names).structures["femur_right"] == 34


HIP = {"vertebrae_L4": (3,), **{name: SYNTHEX_HIP[name] for name in SYNTHEX_HIP if name != "vertebrae"}}
HIP_NAMES = tuple(name for name in PELVIS if name != "vertebrae_L5")


def test_a_right_pelvis_says_what_was_checked(tmp_path: Path) -> None:
    read = _read(tmp_path, _labels(HIP, HIP_NAMES))
    assert "synthex_hip (no id beyond 6" in read.numbering
    assert [check.partition(":")[0] for check in read.checks[1:]] == [
        "left and right",
        "head to foot",
        "front and back",
    ]
    assert read.checks[0].startswith("the labelled bone has a median of 400 HU")


@pytest.mark.parametrize(
    ("swap", "words"),
    [
        (
            (("hip_left", "hip_right"), ("femur_left", "femur_right")),
            "hip_left lies to the patient's right of hip_right",
        ),
        ((("femur_left", "femur_right"),), "femur_left lies nearer to hip_right"),
        ((("femur_left", "hip_left"), ("femur_right", "hip_right")), "lies above"),
        ((("sacrum", "vertebrae_L4"),), "sacrum lies above vertebrae"),
    ],
)
def test_swapped_names_are_refused(tmp_path: Path, swap: tuple[tuple[str, str], ...], words: str) -> None:
    table = dict(HIP)
    for one, other in swap:
        table[one], table[other] = HIP[other], HIP[one]
    values = _labels(table, HIP_NAMES)
    with pytest.raises(InputError, match=words) as caught:
        _read(tmp_path, values)
    assert "\n" not in str(caught.value)
    structures = {name: ids[0] for name, ids in SYNTHEX_HIP.items()}
    with pytest.raises(UserError, match=words):
        find_hip_landmarks(Volume(values, Affine(AFFINE)), structures)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labels_turned_round_are_refused(tmp_path: Path, axis: int) -> None:
    values = _labels(HIP, HIP_NAMES)
    with pytest.raises(InputError, match=r"right of|front of|above|air|soft tissue"):
        _read(tmp_path, np.ascontiguousarray(np.flip(values, axis)), _ct(values))
    if axis == 1:  # with a CT that is turned too, anatomy alone says so
        turned = np.ascontiguousarray(np.flip(values, axis))
        with pytest.raises(InputError, match="sacrum lies in front of"):
            _read(tmp_path, turned)


@pytest.mark.parametrize(("hu", "words"), [(-1000, "is air"), (30, "soft tissue")])
def test_bone_that_is_none_is_refused(tmp_path: Path, hu: int, words: str) -> None:
    values = _labels(HIP, HIP_NAMES)
    ct = _ct(values)
    ct.data[values > 0] = hu
    with pytest.raises(InputError, match=words):
        _read(tmp_path, values, ct)


def test_osteoporotic_bone_is_bone(tmp_path: Path) -> None:
    values = _labels(HIP, HIP_NAMES)
    ct = _ct(values)
    shell = np.random.default_rng(0).random(SHAPE) < 0.4
    ct.data[values > 0] = np.where(shell, 350, 20)[values > 0]
    assert "median of 20 HU" in _read(tmp_path, values, ct).checks[0]


@pytest.mark.parametrize("low", [0, 10, 18, 30])
@pytest.mark.parametrize("high", [24, 40, 70])
def test_any_part_of_a_scan_is_accepted(tmp_path: Path, low: int, high: int) -> None:
    if high - low < 8:
        pytest.skip("too thin a slab to be a scan")
    values = _labels(HIP, HIP_NAMES)[:, :, low:high]
    for half in (values, values[:30], values[30:]):
        half = np.ascontiguousarray(half)
        if half.any():
            ct = Volume(_ct(_labels(HIP, HIP_NAMES)).data[: half.shape[0], :, low:high].copy(), Affine(AFFINE))
            ct.data[half > 0] = 400
            _read(tmp_path, half, ct)


def test_labels_on_another_grid_are_resampled_where_they_lie_in_the_ct(tmp_path: Path) -> None:
    values = _labels(HIP, HIP_NAMES)
    affine = AFFINE.copy()
    affine[:3, 3] = (3 * 4.0, 2 * 4.0, 0.0)
    read = _read(tmp_path, np.ascontiguousarray(values[3:57, 2:]), _ct(values), affine)
    np.testing.assert_array_equal(read.volume.data, values)
    assert read.checks[0].startswith("resampled")
    coarse = np.diag((8.0, 8.0, 8.0, 1.0))
    coarse[:3, 3] = 2.0
    half = _read(tmp_path, np.ascontiguousarray(values[::2, ::2, ::2]), _ct(values), coarse)
    assert (half.volume.data == values).mean() > 0.97
    away = affine.copy()
    away[0, 3] = 5000.0
    with pytest.raises(InputError, match="beside"):
        _read(tmp_path, np.ascontiguousarray(values[3:57]), _ct(values), away)
    away[0, 3] = 180.0
    with pytest.raises(InputError, match="lie outside"):
        _read(tmp_path, np.ascontiguousarray(values[3:57]), _ct(values), away)


def test_segments_of_slicer_are_read_by_name_and_layer(tmp_path: Path) -> None:
    values = _labels(HIP, HIP_NAMES)
    said = {"Left Hip": 1, "Right hip": 2, "L4": 3, "sacrum": 4, "Femur left": 5, "right femur": 6}
    layers = np.zeros((*SHAPE, 2), np.uint8)
    layers[..., 0] = np.where(values <= 4, 7 * (values > 0) * (values == 1) + values * (values > 1), 0)
    layers[..., 1] = np.where(values > 4, values - 4, 0)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(layers.transpose(2, 1, 0, 3)), isVector=True)
    image.SetSpacing((4.0, 4.0, 4.0))
    image.SetDirection((-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    for place, (name, number) in enumerate(said.items()):
        value, layer = (7 if number == 1 else number, 0) if number <= 4 else (number - 4, 1)
        for key, text in (("ID", f"Segment_{place}"), ("Name", name), ("LabelValue", value), ("Layer", layer)):
            image.SetMetaData(f"Segment{place}_{key}", str(text))
    path = tmp_path / "pelvis.seg.nrrd"
    SimpleITK.WriteImage(image, str(path), useCompression=True)
    read = read_labels(path, _ct(values), structures="hip")
    assert read.numbering == "names of the file's segments"
    np.testing.assert_array_equal(read.volume.data, values)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Segment1_Name:=Right hip", b"Segment1_Name:=Left hip "))
    with pytest.raises(InputError, match="share a name"):
        read_labels(path, _ct(values))
    path.write_bytes(content.replace(b"Left Hip", b"Hip   R ").replace(b"Right hip", b"Hip L    "))
    with pytest.raises(InputError, match="hip_left lies to the patient's right"):
        read_labels(path, _ct(values))


@pytest.mark.parametrize("form", ["name", "id", "nnunet"])
def test_names_in_json(tmp_path: Path, form: str) -> None:
    table = {name: (number,) for number, name in enumerate(HIP_NAMES, start=11)}
    plain: dict[str, object] = {name: ids[0] for name, ids in table.items()}
    document = {"name": plain, "id": {str(ids[0]): name for name, ids in table.items()}}
    document["nnunet"] = {"labels": {"background": 0, **plain}, "numTraining": 3}
    (tmp_path / "labels.json").write_text(json.dumps(document[form]))
    read = _read(tmp_path, _labels(table, HIP_NAMES), names=tmp_path / "labels.json")
    assert dict(read.structures) == plain


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("Left hip", "hip_left"), ("pelvis_r", "hip_right"), ("rib_left_07", "rib_left_7"), ("L5", "vertebrae_L5"),
     ("vertebra T03", "vertebrae_T3"), ("lung_upper_lobe_left", "lung_upper_lobe_left"), ("sacrum", "sacrum")],
)  # fmt: skip
def test_spellings(name: str, spelling: str) -> None:
    assert spelled(name) == spelling


def test_kinds() -> None:
    assert meaning("rib_right_12").kind == "rib"
    assert (meaning("vertebrae_L3").kind, meaning("vertebrae").kind) == ("vertebrae", "vertebrae")


def test_label_maps_of_people(shared_data: Path) -> None:
    from synthex.anatomy.io.ct import read_any
    from synthex.anatomy.io.grid import to_ras

    folder = shared_data / "anatomy" / "label_maps"
    if not folder.is_dir():
        pytest.skip("no label maps")
    pelvic = {name: (int(n),) for n, name in json.loads((folder / "pelvic_ref_ids.json").read_text()).items()}
    for path in sorted(folder.glob("*[s_]*1/labels.nii.gz")):  # one by hand, one of TotalSegmentator
        raw = read_any(path)
        assert raw.data is not None
        parts = measure_parts(Volume(*to_ras(raw.data, raw.world_from_ijk)))
        if path.parent.name.startswith("totalseg"):
            assert recognise_numbering(path, set(parts), parts).ids is TOTALSEGMENTATOR
            names = TOTALSEGMENTATOR
        else:
            with pytest.raises(InputError, match=r"labels\.yaml"):
                recognise_numbering(path, set(parts), parts)
            names = pelvic
        assert check_anatomy(path, named_parts(parts, names))
        assert contradiction(facts_about(named_parts(parts, names))) is None
