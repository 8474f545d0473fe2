"""Answers in forms that other programs take: DICOM objects, COCO, 3D Slicer markups, a page, scores."""
