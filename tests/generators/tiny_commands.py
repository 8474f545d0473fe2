"""Settings that make a command take seconds."""

TINY = (
    *(
        "trainer=cpu",
        "model=unet_small",
        "model.encoder=tu-test_resnet",
        "data.spacing_mm=6.0",
        "data.size=64",
        "data.batch_size=4",
        "data.workers=0",
    ),
    *("data.phantoms.train=1", "data.phantoms.val=1", "data.phantoms.test=1", "data.cases.val=2", "data.cases.test=3"),
    *("data.samples_per_epoch=8", "baseline_samples=4"),
)
"""Settings of a run of seconds: one 6 mm phantom a split, two batches an epoch."""
