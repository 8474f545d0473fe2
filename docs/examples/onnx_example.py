"""Ask an exported model about a radiograph; needs numpy and onnxruntime, nothing else.

python onnx_example.py hip.onnx view.npy [mm per pixel at the detector]
"""

import json
import sys

import numpy as np
import onnxruntime


def main(model_file: str, image_file: str, pixel_mm: str = "0") -> None:
    """Print landmarks and the number of pixels of each mask as JSON."""
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["synthex"])
    # Rows x columns, bone bright. Bone dark: image.max() + image.min() - image; linear intensity: -log(image).
    image = np.load(image_file).astype(np.float32)
    outputs = session.run(None, {"image": image, "pixel_mm": np.array(float(pixel_mm))})
    found = dict(zip(about["outputs"], outputs, strict=True))
    answer: dict[str, dict] = {}
    if about["landmarks"]:
        # Native pixels; the centre of the first one is at (0.5, 0.5).
        each = zip(about["landmarks"], found["landmarks"], found["confidence"], found["present"], strict=True)
        answer["landmarks"] = {
            name: {"column": float(xy[0]), "row": float(xy[1]), "confidence": float(sure), "present": bool(there)}
            for name, xy, sure, there in each
        }
    if about["structures"]:
        masks = zip(about["structures"], found["masks"], strict=True)
        answer["mask_pixels"] = {name: int(mask.sum()) for name, mask in masks}
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
