"""The page's logic, without a browser: states, images, letters, archives, config, server."""

import io
import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from generators.anatomies import Balls
from hydra.utils import instantiate

from synthex.config.compose import compose
from synthex.core import ConfigError, derive_rng
from synthex.data import SyntheticReader
from synthex.data.encoding import decode_rle
from synthex.data.real import read_radiographs
from synthex.explore import (
    Scenes,
    Subjects,
    as_config,
    defaults,
    edge_letters,
    make_app,
    make_controls,
    read_state,
    render,
)
from synthex.explore.messages import answer_facts, frame_facts
from synthex.explore.rendering import carm_of, view_of
from synthex.explore.saving import archive
from synthex.explore.server import FAST_S, SIZES, SLOW_S, Explorer, next_size
from synthex.runs import Answer, FoundLandmark
from synthex.tasks import hip_landmarks

TOKEN = "secret"


@pytest.fixture(scope="module")
def scenes():
    return Scenes({"hip_landmarks": lambda: Subjects(Balls(), hip_landmarks.build())})


@pytest.fixture(scope="module")
def controls(scenes):
    return make_controls(scenes.names, 4)


def shown(scenes, controls, size=64, **changes):
    state = read_state(changes, controls)
    scene = scenes.scene(state["scene"], int(state["subject"]), int(state["draw"]))
    return render(scene, scenes.task(state["scene"]), state, size), state


def test_what_is_left_out_has_its_default_and_numbers_stay_in_their_ranges(controls):
    assert read_state({}, controls) == defaults(controls)
    state = read_state({"kvp": 900, "sdd_mm": 900, "source_isocenter_mm": 1500}, controls)
    assert state["kvp"] == 150
    assert state["source_isocenter_mm"] == 850, "the isocentre lies before the detector"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kpv": 80}, "kvp"),
        ({"kvp": "80"}, "kvp='80'"),
        ({"kvp": float("nan")}, "kvp=nan"),
        ({"kvp": True}, "kvp=True"),
        ({"level": "realistc"}, "realistic"),
        ({"grid": 1}, "true or false"),
        ([1], "mapping"),
    ],
)
def test_a_state_that_is_none_is_refused_in_one_line(controls, given, said):
    with pytest.raises(ConfigError, match=said):
        read_state(given, controls)


def test_letters_name_the_patients_sides_as_readers_of_films_expect(scenes, controls):
    scene = scenes.scene("hip_landmarks", 0, 0)

    def letters(**changes):
        return edge_letters(view_of(read_state(changes, controls), scene).camera(carm_of(16)))

    for tube in ("anterior", "posterior"):  # the patient's right is on the image's left, whichever side the tube is on
        assert letters(source_side=tube) == {"left": "R", "right": "L", "top": "S", "bottom": "I"}
    # LAO: the image is taken from the patient's left front, so that what is on its right lies to the left and behind.
    assert letters(lao_rao_deg=45.0)["right"] in ("LP", "PL")
    assert letters(lao_rao_deg=90.0)["right"] == "P"
    # Cranial: from above, so that the top of the image lies to the head and, then, behind.
    assert letters(cranial_caudal_deg=40.0)["top"] == "SP"
    # A roll turns the content clockwise: what was on top is on the right.
    assert letters(roll_deg=90.0)["right"] == "S"


def test_targets_do_not_depend_on_what_the_beam_is_like(scenes, controls):
    one, _ = shown(scenes, controls, kvp=60, scatter=2)
    other, _ = shown(scenes, controls, level="naive", bone_dark=True, noise=False)
    assert np.array_equal(one.sample.masks, other.sample.masks)
    assert np.array_equal(one.sample.landmarks, other.sample.landmarks, equal_nan=True)
    assert not np.array_equal(one.sample.image, other.sample.image)


def test_the_same_state_gives_the_same_image_and_another_draw_other_noise(scenes, controls):
    one, _ = shown(scenes, controls, dose_ugy=0.01)
    same, _ = shown(scenes, controls, dose_ugy=0.01)
    other, _ = shown(scenes, controls, dose_ugy=0.01, draw=1)
    assert np.array_equal(one.shown, same.shown)
    assert not np.array_equal(one.sample.image, other.sample.image)


def test_noise_falls_with_the_dose_and_goes_with_its_switch(scenes, controls):
    clean, _ = shown(scenes, controls, noise=False, scatter=0)

    def noise(dose_ugy):
        noisy, _ = shown(scenes, controls, dose_ugy=dose_ugy, scatter=0)
        body = clean.sample.image > 1
        return float(np.std((noisy.sample.image - clean.sample.image)[body]))

    # Quantum noise goes with the root of the dose; so little of it is left that electronic noise does not count.
    assert noise(0.1) / noise(10.0) == pytest.approx(10, rel=0.35)


def test_the_exposure_control_meets_its_dose_and_thicker_views_cost_more(scenes, controls):
    front, _ = shown(scenes, controls)
    side, _ = shown(scenes, controls, lao_rao_deg=90)
    assert side.record["simulation"]["tube"]["mas"] > front.record["simulation"]["tube"]["mas"] * 1.5


def test_scatter_takes_contrast_and_the_grid_gives_some_back(scenes, controls):
    def contrast(**changes):
        image = shown(scenes, controls, noise=False, **changes)[0].sample.image
        return float(np.percentile(image, 99) - np.percentile(image, 1))

    none, with_grid, without = contrast(scatter=0.0), contrast(scatter=1.0), contrast(scatter=1.0, grid=False)
    assert without < with_grid < none


def test_the_display_turns_over_and_spreads(scenes, controls):
    bright, _ = shown(scenes, controls)
    dark, _ = shown(scenes, controls, bone_dark=True)
    assert np.abs(bright.shown.astype(int) + dark.shown - 255).max() <= 1
    assert shown(scenes, controls, contrast=3)[0].shown.std() > bright.shown.std()


def test_an_augmentation_moves_labels_with_the_image(scenes, controls):
    drawn = [shown(scenes, controls, look="strong", look_draw=n)[0] for n in range(6)]
    assert any(not np.array_equal(drawn[0].sample.landmarks, one.sample.landmarks, equal_nan=True) for one in drawn)
    assert all("augment" in one.record for one in drawn)


def test_the_page_is_told_where_everything_is(scenes, controls):
    frame, state = shown(scenes, controls)
    facts = frame_facts(frame, scenes.task(state["scene"]))
    json.dumps(facts, allow_nan=False)
    assert len(facts["landmarks"]) == frame.sample.visible.sum()
    assert facts["masks"]["femur_left"].startswith("M")
    assert facts["magnification"] == pytest.approx(state["sdd_mm"] / state["source_isocenter_mm"])
    right, down = np.array(facts["axes"])
    assert right == pytest.approx([-1, 0, 0])
    assert down == pytest.approx([0, 0, -1])


def test_errors_of_an_answer_are_those_of_what_is_seen_and_found(scenes, controls):
    frame, state = shown(scenes, controls)
    names = scenes.task(state["scene"]).vocabulary
    landmarks = {
        name: FoundLandmark(point[0] + 3.0, point[1] + 4.0, 0.9, True)
        for name, point, seen in zip(names.landmarks, frame.sample.landmarks, frame.sample.visible, strict=True)
        if seen
    }
    answer = Answer(landmarks, dict(zip(names.structures, frame.sample.masks, strict=True)), frame.sample.image)
    facts = answer_facts(answer, frame, scenes.task(state["scene"]), 0.1)
    assert facts["median_mm"] == pytest.approx(5 * frame.sample.pixel_mm)
    assert facts["dice"] == 1
    assert (facts["found"], facts["wrong"]) == (len(landmarks), 0)


def test_the_archive_holds_what_our_own_readers_read(scenes, controls, tmp_path):
    frame, state = shown(scenes, controls, lao_rao_deg=-20, kvp=81, head_mm=10)
    packed = zipfile.ZipFile(io.BytesIO(archive(frame, scenes.task(state["scene"]), state)))
    assert np.array_equal(np.load(io.BytesIO(packed.read("image.npy"))), frame.sample.image)
    labels = json.loads(packed.read("labels.json"))
    assert np.array_equal(decode_rle(labels["masks"]["sacrum"]), frame.sample.masks[3])
    path = tmp_path / "image.dcm"
    path.write_bytes(packed.read("image.dcm"))
    (read,) = read_radiographs(path)
    assert read.pixel_mm == pytest.approx(frame.sample.pixel_mm)
    log = read.image if read.domain == "log" else -np.log(np.maximum(read.image, 1e-6))
    assert np.corrcoef(log.ravel(), frame.sample.image.ravel())[0, 1] > 0.9999
    import pydicom

    header = pydicom.dcmread(path)
    assert (header.PositionerPrimaryAngle, header.KVP, header.Modality) == (-20, 81, "XA")


@pytest.mark.parametrize(
    "changes",
    [
        {"lao_rao_deg": 25, "cranial_caudal_deg": -10, "roll_deg": 5, "right_mm": 20, "field_mm": 300, "aec": False},
        {"level": "naive", "source_side": "anterior", "sdd_mm": 1150, "round": True},
        {"kvp": 90, "look": "strong", "dose_ugy": 0.5},
    ],
)
def test_the_copied_config_gives_the_same_view_and_beam(scenes, controls, tmp_path, monkeypatch, changes):
    frame, state = shown(scenes, controls, **changes)
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "explored.yaml").write_text(as_config(state))
    monkeypatch.chdir(tmp_path)
    cfg = compose("preview", ["experiment=explored", "data.size=64"])
    task = hip_landmarks.build()
    reader = SyntheticReader(
        "train",
        Balls(count=1),
        task,
        instantiate(cfg.simulation),
        instantiate(cfg.carm),
        instantiate(cfg.views),
        size=64,
        count=1,
    )
    sample = reader[0]
    assert sample.record["camera"] == frame.record["camera"]
    assert np.array_equal(sample.masks, frame.sample.masks)
    if state["level"] == "realistic":
        drawn = sample.record["simulation"]["tube"]
        assert drawn["kvp"] == state["kvp"]
        if state["aec"]:
            assert drawn["mas"] == pytest.approx(frame.record["simulation"]["tube"]["mas"], rel=0.03)
    instantiate(cfg.augment)(sample, derive_rng(0))


def test_a_slow_machine_gets_coarser_pictures_while_something_moves():
    assert next_size(SIZES[-1], SLOW_S * 2) == SIZES[-2]
    assert next_size(SIZES[0], SLOW_S * 2) == SIZES[0]
    assert next_size(SIZES[0], FAST_S / 2) == SIZES[1]
    assert next_size(SIZES[-1], (SLOW_S + FAST_S) / 2) == SIZES[-1]


@pytest.fixture(scope="module")
def client(scenes):
    pytest.importorskip("httpx")
    testclient = pytest.importorskip("starlette.testclient")
    app = make_app(Explorer(scenes, model=Pretends, model_name="pretends", size=48, subjects=4), TOKEN)
    with testclient.TestClient(app, base_url="http://127.0.0.1") as made:
        yield made


class Pretends:
    """A model that answers with the middle of the image."""

    def predict(self, image, *, pixel_mm, meaning):
        middle = FoundLandmark(image.shape[1] / 2, image.shape[0] / 2, 0.5, True)
        return Answer({"FH-l": middle}, {"sacrum": np.zeros(image.shape, dtype=bool)}, image)


def unpacked(message):
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def test_nothing_is_served_without_the_token_or_to_another_name(client):
    assert client.get("/").status_code == 404
    assert client.get("/wrong/").status_code == 404
    assert client.get(f"/{TOKEN}/../../pyproject.toml").status_code == 404
    assert client.get(f"/{TOKEN}/server.py").status_code == 404
    assert client.get(f"/{TOKEN}/", headers={"host": "evil.example"}).status_code == 400
    page = client.get(f"/{TOKEN}/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_page_asks_no_other_server_for_anything(client):
    for name in ("", "explore.css", "explore.js", "icon.svg"):
        text = client.get(f"/{TOKEN}/{name}").text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text


def test_a_state_is_answered_by_a_frame_and_the_model(client, controls):
    with client.websocket_connect(f"ws://127.0.0.1/{TOKEN}/live") as socket:
        socket.send_text(json.dumps({"state": {"lao_rao_deg": 10}, "moving": False, "ask": True, "number": 7}))
        facts, pixels = unpacked(socket.receive_bytes())
        assert (facts["kind"], facts["number"], facts["width"]) == ("frame", 7, 48)
        assert len(pixels) == 48 * 48
        answer, _ = unpacked(socket.receive_bytes())
        assert (answer["kind"], answer["number"], answer["landmarks"][0]["name"]) == ("answer", 7, "FH-l")
        socket.send_text(json.dumps({"state": {}, "moving": True, "number": 8}))
        assert unpacked(socket.receive_bytes())[0]["width"] in SIZES
        socket.send_text(json.dumps({"state": {"kvp": "high"}, "number": 9}))
        facts, _ = unpacked(socket.receive_bytes())
        assert facts["kind"] == "error"
        assert "kvp" in facts["message"]


def test_config_and_archive_are_to_be_had(client):
    assert "experiment=explored" in client.post(f"/{TOKEN}/config", json={"kvp": 70}).text
    got = client.post(f"/{TOKEN}/archive", json={"kvp": 70})
    assert "image.dcm" in zipfile.ZipFile(io.BytesIO(got.content)).namelist()
    assert client.post(f"/{TOKEN}/archive", json={"kpv": 70}).status_code == 400
    assert client.post(f"/{TOKEN}/other", json={}).status_code == 404


def test_other_pages_of_the_browser_may_not_talk_to_it(client):
    from starlette.websockets import WebSocketDisconnect

    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"ws://127.0.0.1/{TOKEN}/live", headers={"origin": "http://evil.example"}),
    ):
        pass


def test_frames_keep_their_scene_while_only_the_beam_changes(scenes, controls):
    first = scenes.scene("hip_landmarks", 1, 0)
    assert scenes.scene("hip_landmarks", 1, 0) is first
    assert replace(first).anatomy.subject_id == "ball-001"
