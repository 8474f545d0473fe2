"""Domain adaptation: images translated to look real (CycleGAN), features that do not tell the domain (ADDA)."""
