"""Measurement report of an answer, TID 1500 (PS3.3 A.35.13): landmarks, areas, and what is absent."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from synthex.exchange.dicom_parts import (
    Author,
    Found,
    code,
    frame_number,
    identity,
    own_code,
    scheme_item,
    structure_code,
)
from synthex.exchange.dicom_source import uid_of


def report(source: Any, answers: Sequence[Found], author: Author, key: str, segments: list[Any]) -> Any:
    """Landmarks as points with their confidence, areas of segments, and what was looked for and is absent."""
    from highdicom import sr

    groups: list[Any] = []
    for answer in answers:
        groups += _landmark_groups(source, answer, key)
        groups += _area_groups(source, answer, key, segments)
    observer = sr.ObserverContext(
        observer_type=code("121007", "Device", "DCM"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("device", author.name, author.version),
            name=author.name,
            manufacturer_name="synthex",
            model_name=author.name,
            serial_number=author.version or "0",
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=code("168537006", "Plain radiography"),
        imaging_measurements=groups,
        title=code("126000", "Imaging Measurement Report", "DCM"),
    )
    return sr.EnhancedSR(
        evidence=[source, *(segmentation for segmentation, _ in segments)],
        content=report[0],
        is_complete=True,
        coding_schemes=[scheme_item()],
        **identity(author, key, "sr", 902, "Landmarks and measurements"),
    )


def _landmark_groups(source: Any, answer: Found, key: str) -> Iterator[Any]:
    from highdicom import sr

    height, width = answer.shape
    frame = frame_number(source, answer)
    for name, one in answer.landmarks.items():
        tracking = sr.TrackingIdentifier(uid_of(key, "landmark", name, str(answer.frame)), name)
        confidence = sr.Measurement(
            name=own_code("Confidence"), value=round(one.confidence, 6), unit=code("1", "no units", "UCUM")
        )
        if not one.present:
            yield sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking,
                finding_type=own_code(name),
                measurements=[confidence],
                qualitative_evaluations=[
                    sr.QualitativeEvaluation(code("705057003", "Presence"), code("272519000", "Absent"))
                ],
                source_images=[sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID, frame)],
            )
            continue
        region = sr.ImageRegion(
            graphic_type="POINT",
            graphic_data=np.array([[np.clip(one.column, 0, width), np.clip(one.row, 0, height)]]),
            source_image=sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID, frame),
        )
        measured = [confidence]
        if answer.pixel_mm is not None:
            measured += [
                sr.Measurement(
                    name=own_code(f"{axis} at detector"),
                    value=round(value * answer.pixel_mm, 4),
                    unit=code("mm", "millimeter", "UCUM"),
                )
                for axis, value in (("Column", one.column), ("Row", one.row))
            ]
        yield sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=region,
            finding_type=own_code(name),
            measurements=measured,
        )


def _area_groups(source: Any, answer: Found, key: str, segments: list[Any]) -> Iterator[Any]:
    from highdicom import sr

    frame = frame_number(source, answer)
    for segmentation, places in segments:
        for (number, name), place in places.items():
            if number != answer.frame:
                continue
            _, kind, _ = structure_code(name)
            pixels = int(answer.masks[name].sum())
            known = answer.pixel_mm is not None
            area = pixels * (answer.pixel_mm or 1.0) ** 2
            unit = code("mm2", "square millimeter", "UCUM") if known else code("{pixels}", "pixels", "UCUM")
            (segment,) = [
                int(item.SegmentNumber) for item in segmentation.SegmentSequence if item.SegmentLabel == name[:64]
            ]
            referenced = sr.ReferencedSegmentationFrame(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                frame_number=place,
                segment_number=segment,
                source_image=sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID, frame),
            )
            # The frame is of one segment; to name both is against PS3.3 table 10-3, though the library does.
            del referenced[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
            yield sr.PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=sr.TrackingIdentifier(uid_of(key, "segment", name, str(number)), name),
                referenced_segment=referenced,
                finding_type=kind,
                measurements=[sr.Measurement(name=code("42798000", "Area"), value=round(area, 2), unit=unit)],
            )
