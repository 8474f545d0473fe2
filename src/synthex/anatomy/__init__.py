"""CT and label reading, procedural phantoms, shape variation and landmark finding."""
