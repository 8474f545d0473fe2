"""Every reader of the project with small files for it."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from generators import (
    ct_files,
    dicom_files,
    meshes,
    plain_files,
    predictions,
    real_archives,
    samples,
    studies,
    tool_archive,
)
from generators.mutants import Target

INSTRUMENT = """\
name: pin
parts:
  shaft: {shape: box, size: [4, 4, 60], at: [0, 0, 30], material: steel_316l}
  tongue: {shape: box, size: [4, 2, 20], at: [0, 1, 70], material: ti6al4v, parent: shaft,
           joint: {type: revolute, axis: [1, 0, 0], limits: [-40, 0], rest: -10}}
landmarks:
  base: {part: shaft, position: [0, 0, 0]}
  tip: {part: tongue, position: [0, 1, 80]}
shaft: [[0, 0, -100], base]
"""


CAMERAS = [
    {
        **{"intrinsics": [[3000, 0, 50], [0, 3000, 40], [0, 0, 1]], "height": 80, "width": 100, "pixel_mm": 0.3},
        "camera_from_world": [[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 700]],
    }
]
PACKAGE = {
    **{"format": 1, "name": "tiny", "mirror_averaged": False, "weights_sha256": "0" * 64, "made_with": "synthex"},
    "task": {"_target_": "synthex.tasks.hip_landmarks.build"},
    "model": {"_target_": "synthex.nn.SegmentationNetwork", "encoder": "tu-test_resnet", "encoder_weights": None},
    "data": {"size": 64, "input_size": None, "normalization": "zscore"},
}


def targets() -> dict[str, Target]:
    """Target by name."""
    import SimpleITK
    import torch

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    torch.set_num_threads(1)
    from synthex.adaptation.translation.translator import load_translator
    from synthex.anatomy.io import read_ct
    from synthex.core import Volume
    from synthex.data import real
    from synthex.evaluation.baseline import TrivialPredictor
    from synthex.geometry import FixedCameras
    from synthex.instruments.file import InstrumentFile
    from synthex.learning.checkpoints import read_checkpoint
    from synthex.nn.weights import read_state
    from synthex.runs.package import find_model
    from synthex.studies import read_study

    def ct(suffix):
        return Target(lambda folder: volume(folder, suffix), lambda folder: read_ct(folder / f"ct{suffix}"))

    return {
        **{f"ct{suffix}": ct(suffix) for suffix in (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")},
        "ct raw.nrrd": Target(raw_nrrd, lambda folder: read_ct(folder / "ct.nrrd")),
        "ct packed.mha": Target(packed_metaimage, lambda folder: read_ct(folder / "ct.mha")),
        "ct series": Target(series, lambda folder: read_ct(folder / "ct")),
        "ct enhanced": Target(enhanced, lambda folder: read_ct(folder / "ct.dcm")),
        **{
            f"film {syntax}": Target(
                lambda folder, s=syntax: dicom_files.save(dicom_files.film(films()), folder / "film.dcm", s), read_films
            )
            for syntax in ("explicit", "implicit", "big", "deflated", "rle", "jpeg2000")
        },
        "pictures": Target(pictures, read_films),
        "segments": Target(segments, lambda folder: read_segments(folder, Volume)),
        "cameras": Target(
            lambda folder: (folder / "views.json").write_text(json.dumps(CAMERAS)),
            lambda folder: FixedCameras(file=folder / "views.json"),
        ),
        "package": Target(package, find_model, "*.json"),
        "labels": Target(labelled, lambda folder: read_labelled(folder, Volume)),
        "masks": Target(masks, lambda folder: read_masks(folder, Volume)),
        **{
            f"landmarks{suffix}": Target(lambda folder, s=suffix: landmarks(folder, s), read_points)
            for suffix in (".mrk.json", ".fcsv", ".csv")
        },
        **{
            f"mesh.{suffix}": Target(
                lambda folder, s=suffix: meshes.write_bone(folder, f"pelvis_left.{s}", meshes.sphere_at((0, 0, 0), 30)),
                read_mesh,
            )
            for suffix in ("stl", "ply", "obj")
        },
        "mesh text.stl": Target(text_stl, read_mesh),
        "mesh text.ply": Target(text_ply, read_mesh),
        "instrument": Target(
            lambda folder: (folder / "pin.yaml").write_text(INSTRUMENT),
            lambda folder: InstrumentFile(folder / "pin.yaml").body({}),
        ),
        "export hdf5": Target(lambda folder: export(folder, "hdf5"), read_export),
        "export folder": Target(lambda folder: export(folder, "folder"), read_export),
        "staging": Target(staging, read_staging),
        "shards": Target(shards, read_shards),
        "predictions": Target(prediction_set, read_predictions),
        "baseline": Target(baseline, lambda folder: TrivialPredictor.load(folder / "baseline.npz")),
        "checkpoint": Target(checkpoint, lambda folder: read_checkpoint(folder / "last.ckpt")),
        "weights": Target(checkpoint, lambda folder: read_state(folder / "last.ckpt")),
        "translator": Target(translator, load_translator),
        "study": Target(
            lambda folder: studies.write_study(folder / "mine"), lambda folder: read_study(folder / "mine"), "*.yaml"
        ),
        "cache": Target(cache, read_cache),
        "metrics": Target(
            lambda folder: (folder / "metrics.csv").write_text("step,epoch,loss\n1,0,0.5\n2,0,0.25\n"), read_metrics
        ),
        "covid_cxr": Target(real_archives.write_covid_cxr, lambda folder: every(real.CovidCxr(folder))),
        "qata": Target(real_archives.write_qata, lambda folder: every(real.QataCov19(folder / "QaTa-COV19"))),
        "hip_study": Target(real_archives.write_hip_pair, lambda folder: every(real.HipStudy(folder))),
        "hip_folders": Target(
            real_archives.write_hip_folders, lambda folder: every(real.HipFolders(folder / "valid_data"))
        ),
        "deepfluoro": Target(
            lambda folder: real_archives.write_deepfluoro(folder / "file.h5", specimens=(0,)),
            lambda folder: every(real.DeepFluoro(folder / "file.h5")),
        ),
        "tool_folders": Target(
            lambda folder: tool_archive.write_tool_part(folder / "test", 2),
            lambda folder: every(real.ToolFolders(folder / "test")),
        ),
        "plain csv": Target(
            plain_files.write_plain_folder, lambda folder: every(real.PlainFolder(folder, "annotations.csv"))
        ),
        "plain coco": Target(
            plain_files.write_plain_folder, lambda folder: every(real.PlainFolder(folder, "coco.json"))
        ),
    }


def every(reader) -> None:
    """Read all samples."""
    for index in range(len(reader)):
        reader[index]


def volume(folder: Path, suffix: str) -> None:
    """A CT; headers of detached voxels lie beside them."""
    if suffix.startswith(".nii"):
        import gzip

        content = ct_files.nifti_bytes(ct_files.ct_values(), ct_files.ras_affine())
        (folder / f"ct{suffix}").write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    else:
        ct_files.write_itk(folder / f"ct{suffix}", ct_files.ct_values(), ct_files.ras_affine())


def raw_nrrd(folder: Path) -> None:
    """An NRRD file whose voxels are not compressed."""
    values = ct_files.ct_values()
    size = " ".join(map(str, values.shape))
    header = (
        f"NRRD0004\n# Complete\ntype: short\ndimension: 3\nspace: RAS\nsizes: {size}\nspace directions: (2,0,0) "
        f"(0,3,0) (0,0,4)\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
        "space origin: (1,2,3)\nkey:=value\n\n"
    )
    (folder / "ct.nrrd").write_bytes(header.encode() + values.T.astype("<i2").tobytes())


def packed_metaimage(folder: Path) -> None:
    """A MetaImage file whose voxels are compressed."""
    import zlib

    values = ct_files.ct_values()
    size = " ".join(map(str, values.shape))
    packed = zlib.compress(values.T.astype("<i2").tobytes())
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = True\n"
        f"CompressedDataSize = {len(packed)}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
        f"ElementSpacing = 2 3 4\nDimSize = {size}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    (folder / "ct.mha").write_bytes(header.encode() + packed)


def series(folder: Path) -> None:
    """A CT as single slices, oriented as scanners do."""
    ct_files.write_dicom_series(folder / "ct", *ct_files.reoriented(ct_files.ct_values(), ct_files.ras_affine(), "LPS"))


def enhanced(folder: Path) -> None:
    """A CT as one file of many frames."""
    values, affine = ct_files.reoriented(ct_files.ct_values(), ct_files.ras_affine(), "LPS")
    ct_files.write_enhanced_dicom(folder / "ct.dcm", values, affine)


def films() -> np.ndarray:
    """Two small frames."""
    return np.random.default_rng(0).integers(100, 4000, (2, 12, 18)).astype("<u2")


def pictures(folder: Path) -> None:
    """One of every kind of picture."""
    import tifffile
    from PIL import Image

    grey = films()[0]
    small = Image.fromarray((grey // 16).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    small.save(folder / "a.png")
    Image.fromarray(grey).save(folder / "deep.png")
    small.save(folder / "a.jpg", exif=turned)
    small.save(folder / "a.bmp")
    small.convert("P").save(folder / "palette.png")
    np.save(folder / "a.npy", grey)
    np.savez(folder / "a.npz", grey)
    tifffile.imwrite(folder / "pages.tiff", films(), photometric="minisblack")
    tifffile.imwrite(folder / "packed.tif", grey, compression="zlib", photometric="miniswhite")


def read_films(folder: Path) -> None:
    """Read every radiograph."""
    from synthex.data.real import radiograph_files, read_radiographs

    for path in radiograph_files(folder):
        list(read_radiographs(path))


def package(folder: Path) -> None:
    """A model's settings, without its weights."""
    (folder / "weights.safetensors").write_bytes(b"")
    digest = hashlib.sha256(b"").hexdigest()
    (folder / "model.json").write_text(json.dumps(PACKAGE | {"weights_sha256": digest}))


def segments(folder: Path) -> None:
    """Labels as 3D Slicer writes them, with names in the header."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(_ids().T))
    image.SetSpacing(ct_files.SPACING)
    image.SetDirection((-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    for number in range(1, 7):
        for key, text in (("ID", f"S{number}"), ("Name", f"bone {number}"), ("LabelValue", number), ("Layer", 0)):
            image.SetMetaData(f"Segment{number - 1}_{key}", str(text))
    SimpleITK.WriteImage(image, str(folder / "bones.seg.nrrd"), useCompression=True)


def read_segments(folder: Path, make) -> None:
    """Read them with their own names."""
    from synthex.anatomy.io import read_labels
    from synthex.core import Affine

    read_labels(folder / "bones.seg.nrrd", make(ct_files.ct_values(), Affine(ct_files.ras_affine())))


def _ids() -> np.ndarray:
    ids = np.zeros(ct_files.SHAPE, dtype=np.uint8)
    for number in range(1, 7):
        ids[number % 3 :: 3, number % 2 :: 2, number : number + 1] = number
    return ids


def labelled(folder: Path) -> None:
    """Labels and their names."""
    ct_files.write_itk(folder / "labels.nii.gz", _ids(), ct_files.ras_affine())
    (folder / "names.yaml").write_text("".join(f"bone_{number}: {number}\n" for number in range(1, 7)))


def read_labelled(folder: Path, make) -> None:
    """Read them with the names in the file."""
    from synthex.anatomy.io import read_labels
    from synthex.core import Affine

    ct = make(ct_files.ct_values(), Affine(ct_files.ras_affine()))
    read_labels(folder / "labels.nii.gz", ct, str(folder / "names.yaml"), None)


def masks(folder: Path) -> None:
    """One mask file a structure."""
    (folder / "masks").mkdir()
    for number, name in enumerate(("liver", "spleen"), 1):
        values = (_ids() == number).astype(np.uint8)
        ct_files.write_itk(folder / "masks" / f"{name}.nii.gz", values, ct_files.ras_affine())


def read_masks(folder: Path, make) -> None:
    """Read them all."""
    from synthex.anatomy.io import read_labels
    from synthex.core import Affine

    read_labels(folder / "masks", make(ct_files.ct_values(), Affine(ct_files.ras_affine())))


def landmarks(folder: Path, suffix: str) -> None:
    """Two landmarks."""
    points = {"FH-l": (-10.0, 2.0, 3.0), "FH-r": (10.0, 2.0, 3.0)}
    path = folder / f"points{suffix}"
    if suffix == ".mrk.json":
        ct_files.write_markups(path, points)
    elif suffix == ".csv":
        path.write_text("name,x,y,z,in_volume\nFH-l,1,2,3,1\nFH-r,4,5,6,1\nGSN-l,,,,0\n")
    else:
        path.write_text(
            "# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n# columns = id,x,y,z,ow,ox,oy,oz,vis,"
            "sel,lock,label,desc,associatedNodeID\n1,1.5,2,3,0,0,0,1,1,1,0,FH-l,,\n2,1.5,2,3,0,0,0,1,1,1,0,FH-r,,\n"
        )


def read_points(folder: Path) -> None:
    """Read the file of landmarks."""
    from synthex.anatomy.io import read_landmarks

    for name in ("points.mrk.json", "points.fcsv", "points.csv"):
        if (folder / name).is_symlink() or (folder / name).exists():
            read_landmarks(folder / name)


def text_stl(folder: Path) -> None:
    """STL as text."""
    mesh = meshes.box_at((0, 0, 0), (20, 30, 40))
    (folder / "pelvis_left.stl").write_text(mesh.export(file_type="stl_ascii"))


def text_ply(folder: Path) -> None:
    """PLY as text."""
    mesh = meshes.box_at((0, 0, 0), (20, 30, 40))
    (folder / "pelvis_left.ply").write_bytes(mesh.export(file_type="ply", encoding="ascii"))


def read_mesh(folder: Path) -> None:
    """Read the only mesh."""
    from synthex.anatomy.meshes.loading import read_surface

    for path in folder.iterdir():
        read_surface(path)


def export(folder: Path, kind: str) -> None:
    """Two samples in one of the formats of exports."""
    from synthex.data.export import write_folder, write_hdf5

    write = {"hdf5": write_hdf5, "folder": write_folder}[kind]
    write(folder, [samples.make_sample(index) for index in range(2)], samples.VOCABULARY)
    for extra in ("png", "labels"):  # for people: nothing reads them
        shutil.rmtree(folder / extra, ignore_errors=True)


def read_export(folder: Path) -> None:
    """Read it whichever it is."""
    from synthex.data.on_disk import open_export

    every(open_export(folder))


def staging(folder: Path) -> None:
    """An unfinished export."""
    from synthex.data.export import Staging

    Staging(folder, {"count": 2}).add(0, samples.make_sample(0))


def read_staging(folder: Path) -> None:
    """Go on with it."""
    from synthex.data.export import Staging

    staged = Staging(folder, {"count": 2})
    for index in {*range(2)} - set(staged.missing(2)):
        staged.get(index)


def shards(folder: Path) -> None:
    """Two shards; their digests are those of the mutants, so that what they hold is read."""
    from synthex.data.export import Staging
    from synthex.data.shards import Shard, finish_shard, shard_request

    request = {"count": 2, "format": "hdf5"}
    for number in (1, 2):
        shard = Shard(number, 2)
        staged = Staging(shard.folder(folder), shard_request(request, shard))
        for index in shard.indices(2):
            staged.add(index, samples.make_sample(index))
        finish_shard(staged, shard, request, samples.VOCABULARY)


def read_shards(folder: Path) -> None:
    """Read all samples."""
    from synthex.data.shards import open_shards

    list(open_shards(folder).samples())


def prediction_set(folder: Path) -> None:
    """Predictions with probabilities, without checksums."""
    from synthex.evaluation.prediction_writer import write_prediction_set

    cases = [predictions.make_case(index) for index in range(2)]
    write_prediction_set(folder, [predictions.noisy(case) for case in cases], predictions.PROTOCOL, {"who": "test"})
    path = folder / "predictions.json"
    document = json.loads(path.read_text())
    document["masks_sha256"] = None
    path.write_text(json.dumps(document))


def read_predictions(folder: Path) -> None:
    """Read every prediction."""
    from synthex.evaluation.prediction_set import read_prediction_set

    list(read_prediction_set(folder, predictions.PROTOCOL))


def baseline(folder: Path) -> None:
    """A trivial predictor."""
    from synthex.evaluation.baseline import TrivialPredictor

    TrivialPredictor.fit([predictions.make_case(0)]).save(folder / "baseline.npz")


def checkpoint(folder: Path) -> None:
    """A checkpoint of a tiny network."""
    import torch

    weights = {f"network.{name}": value for name, value in torch.nn.Linear(3, 2).state_dict().items()}
    content = {"state_dict": weights, "synthex": {"task": "toy"}, "epoch": 1, "loops": {"a": [1, 2.5, None]}}
    torch.save(content, folder / "last.ckpt")


def translator(folder: Path) -> None:
    """A tiny translator."""
    from synthex.adaptation.translation.translator import save_translator
    from synthex.nn import ResNetGenerator

    options = {"width": 2, "blocks": 1}
    save_translator(folder / "translator.pt", ResNetGenerator(**options), options, 16, "zscore")


def cache(folder: Path) -> None:
    """A prepared subject."""
    from generators.anatomies import Balls

    from synthex.anatomy.cache import PreparedAnatomies

    PreparedAnatomies(Balls(1), folder, 12.0).prepare()


def read_cache(folder: Path) -> None:
    """The subject is the same, whatever the cache holds."""
    from generators.anatomies import Balls

    from synthex.anatomy.cache import PreparedAnatomies

    found = PreparedAnatomies(Balls(1), folder, 12.0).load("ball-000")
    whole = PreparedAnatomies(Balls(1), folder.parent / "other-cache", 12.0).load("ball-000")
    if not (np.array_equal(found.ct.data, whole.ct.data) and np.array_equal(found.labels.data, whole.labels.data)):
        raise AssertionError("a damaged entry was used")


def read_metrics(folder: Path) -> None:
    """The table that a training goes on with."""
    from synthex.learning.loggers import CsvLogger

    CsvLogger(folder)._read()
