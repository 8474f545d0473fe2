"""TransUNet at full size only where its count or its twin is the point; else a small one."""

from functools import partial

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from scipy import ndimage
from timm.layers import HybridEmbed, StdConv2dSame
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import VisionTransformer

from synthex.core import ConfigError, InputError, UserError
from synthex.nn import TransUNet
from synthex.nn.complexity import complexity
from synthex.nn.hybrid import HybridEncoder, resize_positions

TINY = {
    **{"image_size": 64, "resnet_layers": [1, 1, 1], "resnet_width": 0.5, "embed_dim": 48, "depth": 2, "heads": 3},
    **{"bottleneck_channels": 32, "decoder_channels": [32, 16, 16, 8]},
}


def tiny(structures=2, landmarks=3, **options):
    torch.manual_seed(0)
    return TransUNet(structures, landmarks, **(TINY | options))


def image(height=64, width=64, batch=1):
    return torch.randn(batch, 1, height, width, generator=torch.Generator().manual_seed(1))


def donor(**options):
    """A model of timm with the layout of the pretrained weights, as large as :func:`tiny`'s encoder."""
    torch.manual_seed(2)
    backbone = ResNetV2(
        layers=[1, 1, 1], num_classes=0, global_pool="", width_factor=0.5, preact=False, stem_type="same",
        conv_layer=partial(StdConv2dSame, eps=1e-8),
    )  # fmt: skip
    sizes = {"img_size": 64, "patch_size": 1, "embed_dim": 48, "depth": 2, "num_heads": 3}
    return VisionTransformer(embed_layer=partial(HybridEmbed, backbone=backbone), **sizes, **options)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 64), (96, 48), (32, 112)])
def test_outputs_are_as_large_as_the_image(height, width):
    with torch.no_grad():
        outputs = tiny().eval()(image(height, width))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "masks": (1, 2, height, width),
        "heatmaps": (1, 3, height, width),
    }


@pytest.mark.parametrize(("structures", "landmarks", "heads"), [(2, 0, {"masks"}), (0, 3, {"heatmaps"})])
def test_heads_follow_the_counts(structures, landmarks, heads):
    with torch.device("meta"):
        outputs = tiny(structures, landmarks)(torch.zeros(1, 1, 32, 32))
    assert {name: value.shape[1] for name, value in outputs.items()} == dict.fromkeys(heads, structures + landmarks)


def test_the_published_number_of_parameters():
    """Sun et al., Front. Bioeng. Biotechnol. 12:1398237 (2024), table 3; two masks at 224 pixels give it."""
    with torch.device("meta"):
        network = TransUNet(2, 0)
    assert complexity(network, 224, 224).parameters == 105_276_066


def test_the_published_number_of_operations():
    """Rahman et al., EMCAD (CVPR 2024), table 1: 105.32 M, 38.52 G multiply-adds; so have one mask, 256 pixels."""
    with torch.device("meta"):
        network = TransUNet(1, 0, image_size=256)
    found = complexity(network, 256, 256)
    assert round(found.parameters / 1e6, 2) == 105.32
    # The published count has operations beside the products too.
    assert 38.52 * 0.99 < found.flops / 2e9 < 38.52


def test_features_halve_from_scale_to_scale():
    with torch.device("meta"):
        encoder = HybridEncoder()
    features = encoder(torch.zeros(1, 1, 96, 64, device="meta"))
    assert [tuple(maps.shape[1:]) for maps in features] == [(64, 48, 32), (256, 24, 16), (512, 12, 8), (768, 6, 4)]


def test_the_encoder_is_timm_s_hybrid_without_class_token():
    torch.manual_seed(2)
    sizes = {"img_size": 64, "embed_dim": 48, "depth": 1, "num_heads": 3}
    twin = timm.create_model("vit_base_r50_s16_224", class_token=False, global_pool="", num_classes=0, **sizes).eval()
    encoder = HybridEncoder(64, embed_dim=48, depth=1, heads=3).eval()
    encoder.load_state_dict(twin.state_dict())  # every name, and no other
    with torch.no_grad():
        ours, theirs = encoder(image())[-1], twin(image().expand(-1, 3, -1, -1))
    assert torch.allclose(ours.flatten(2).transpose(1, 2), theirs, atol=1e-5)


def test_the_full_encoder_has_the_names_and_shapes_of_the_published_one():
    with torch.device("meta"):
        theirs = timm.create_model("vit_base_r50_s16_224", num_classes=21843).state_dict()
        ours = HybridEncoder().state_dict()
    assert theirs.keys() - ours.keys() == {"cls_token", "head.weight", "head.bias"}
    assert {name for name, value in ours.items() if value.shape != theirs[name].shape} == {"pos_embed"}
    assert (theirs["pos_embed"].shape[1], ours["pos_embed"].shape[1]) == (197, 196)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_timm_s_layout_load_by_name(tmp_path, suffix):
    state = donor(num_classes=21).state_dict()
    path = tmp_path / f"model{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    ours = tiny(encoder_weights=str(path)).encoder.state_dict()
    assert state.keys() - ours.keys() == {"cls_token", "head.weight", "head.bias"}
    for name, value in ours.items():
        given = state[name][:, 1:] if name == "pos_embed" else state[name]
        assert torch.equal(value, given), name


def test_position_embeddings_are_resized_as_the_study_s_loader_does(tmp_path):
    state = donor().state_dict()
    torch.save(state, tmp_path / "model.pth")
    ours = tiny(encoder_weights=str(tmp_path / "model.pth"), image_size=112).encoder.pos_embed
    table = state["pos_embed"][0, 1:].reshape(4, 4, -1).numpy()
    expected = ndimage.zoom(table, (7 / 4, 7 / 4, 1), order=1)
    assert ours.shape == (1, 49, 48)
    assert np.allclose(ours[0].detach().numpy(), expected.reshape(49, -1), atol=1e-6)


def test_the_publishers_file_is_read(tmp_path, monkeypatch):
    """The layout of R50+ViT-B_16.npz, written from timm's model by the inverse of what its reader does."""
    given = donor(num_classes=0)
    np.savez(tmp_path / "R50+ViT.npz", **published_layout(given.state_dict(), heads=3))
    blank = donor(num_classes=0)
    for value in blank.parameters():
        torch.nn.init.zeros_(value)
    monkeypatch.setattr("synthex.nn.hybrid.timm.create_model", lambda *args, **options: blank)
    for name, value in tiny(encoder_weights=str(tmp_path / "R50+ViT.npz")).encoder.state_dict().items():
        expected = given.state_dict()[name]
        assert torch.equal(value, expected[:, 1:] if name == "pos_embed" else expected), name


def published_layout(state, heads):
    """Names and axis orders of google-research/vision_transformer."""
    values = {name: value.numpy() for name, value in state.items()}
    found = {"embedding/kernel": values["patch_embed.proj.weight"].transpose(2, 3, 1, 0)}
    found["embedding/bias"] = values["patch_embed.proj.bias"]
    found["cls"] = values["cls_token"]
    found["Transformer/posembed_input/pos_embedding"] = values["pos_embed"]
    for kind, ours in (("scale", "weight"), ("bias", "bias")):
        found[f"Transformer/encoder_norm/{kind}"] = values[f"norm.{ours}"]
        found[f"gn_root/{kind}"] = values[f"patch_embed.backbone.stem.norm.{ours}"]
    found["conv_root/kernel"] = values["patch_embed.backbone.stem.conv.weight"].transpose(2, 3, 1, 0)
    for name, value in values.items():
        words = name.split(".")
        if name.startswith("patch_embed.backbone.stages"):
            stage, block, layer = int(words[3]), int(words[5]), ".".join(words[6:])
            root = f"block{stage + 1}/unit{block + 1}/"
            part, _, kind = layer.rpartition(".")
            part = {"downsample.conv": "conv_proj", "downsample.norm": "gn_proj"}.get(part, part.replace("norm", "gn"))
            kind = "bias" if kind == "bias" else "scale" if "gn" in part else "kernel"
            found[f"{root}{part}/{kind}"] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        elif name.startswith("blocks"):
            found |= published_block(f"Transformer/encoderblock_{words[1]}/", ".".join(words[2:]), value, heads)
    return found


def published_block(root, layer, value, heads):
    part, _, kind = layer.rpartition(".")
    if part in ("norm1", "norm2"):
        return {f"{root}LayerNorm_{0 if part == 'norm1' else 2}/{'scale' if kind == 'weight' else 'bias'}": value}
    if part.startswith("mlp"):
        dense = f"{root}MlpBlock_3/Dense_{0 if part == 'mlp.fc1' else 1}/"
        return {f"{dense}{'kernel' if kind == 'weight' else 'bias'}": value.T}
    attention = f"{root}MultiHeadDotProductAttention_1/"
    if part == "attn.proj":
        return (
            {f"{attention}out/kernel": value.T.reshape(heads, -1, len(value))}
            if kind == "weight"
            else {f"{attention}out/bias": value}
        )
    parts = zip(("query", "key", "value"), np.split(value, 3), strict=True)
    if kind == "bias":
        return {f"{attention}{name}/bias": one.reshape(heads, -1) for name, one in parts}
    return {f"{attention}{name}/kernel": one.T.reshape(len(one), heads, -1) for name, one in parts}


def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    torch.save(donor().state_dict(), tmp_path / "model.pth")
    with pytest.raises(InputError, match="does not fit the encoder"):
        tiny(encoder_weights=str(tmp_path / "model.pth"), embed_dim=96)
    with pytest.raises(InputError, match="no such file"):
        tiny(encoder_weights=str(tmp_path / "gone.npz"))
    monkeypatch.setattr("synthex.nn.hybrid.timm.create_model", lambda *args, **options: donor())
    (tmp_path / "text.npz").write_text("not weights")
    with pytest.raises(InputError, match="not the weights of R50"):
        tiny(encoder_weights=str(tmp_path / "text.npz"))
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(InputError, match="not a file of weights"):
        tiny(encoder_weights=str(tmp_path / "text.safetensors"))


def test_offline_pretrained_weights_are_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise ConnectionError("no route to host\nwith a second line")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with torch.device("meta"), pytest.raises(UserError, match="cannot be fetched") as caught:
        tiny(encoder_weights="imagenet21k")
    assert "ConnectionError" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fetched_weights_fill_the_encoder(monkeypatch):
    state = donor(num_classes=0).state_dict()
    asked = []

    def create(name, **options):
        asked.append((name, options["pretrained"]))
        return donor(num_classes=0)

    monkeypatch.setattr("synthex.nn.hybrid.timm.create_model", create)
    network = tiny(encoder_weights="imagenet21k")
    assert asked == [("vit_base_r50_s16_224.orig_in21k", True)]
    assert torch.equal(network.encoder.pos_embed, state["pos_embed"][:, 1:])


def test_positions_of_the_trained_size_are_used_as_they_are():
    positions = torch.randn(1, 12, 5)
    assert torch.equal(resize_positions(positions, (3, 4), (3, 4)), positions)


def test_positions_between_are_linear_and_corners_stay():
    rows, columns = torch.meshgrid(torch.arange(3.0), torch.arange(4.0), indexing="ij")
    ramp = torch.stack((rows, columns), dim=-1).reshape(1, 12, 2)
    finer = resize_positions(ramp, (3, 4), (5, 7)).reshape(5, 7, 2)
    assert torch.allclose(finer[:, 0, 0], torch.linspace(0, 2, 5))
    assert torch.allclose(finer[0, :, 1], torch.linspace(0, 3, 7))


def test_every_parameter_gets_a_gradient():
    network = tiny()
    for block in network.encoder.patch_embed.backbone.stages.children():
        torch.nn.init.ones_(block.blocks[0].norm3.weight)  # timm starts every block as its shortcut
    outputs = network(image(batch=2))
    (outputs["masks"].square().mean() + outputs["heatmaps"].square().mean()).backward()
    assert [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize("scale", range(4))
def test_every_scale_reaches_the_output(scale):
    network = tiny().eval()
    network.decoder.train()  # untrained averages would not keep what passes many layers at its height
    with torch.no_grad():
        features = network.encoder(image())
        whole = network.decoder(features)
        without = [torch.zeros_like(maps) if index == scale else maps for index, maps in enumerate(features)]
        assert not torch.allclose(network.decoder(without), whole, atol=1e-4)


def test_a_skip_keeps_its_place():
    """A change in a corner of the finest skip changes the output there, and not in the opposite corner."""
    network = tiny().eval()
    with torch.no_grad():
        features = network.encoder(image())
        changed = features[0].clone()
        changed[..., 2:6, 2:6] += 10
        moved = (network.decoder([changed, *features[1:]]) - network.decoder(features)).abs().sum(dim=(0, 1))
    assert moved[4:12, 4:12].min() > 0
    assert moved[24:, 24:].max() == 0


def test_dropout_is_where_the_original_has_it():
    """After the position embedding, and twice in each perceptron; nowhere in attention."""
    network = tiny()
    rates = {name: part.p for name, part in network.named_modules() if isinstance(part, torch.nn.Dropout) and part.p}
    assert rates == {
        "encoder.pos_drop": 0.1,
        **{f"encoder.blocks.{block}.mlp.drop{place}": 0.1 for block in range(2) for place in (1, 2)},
    }


def test_the_same_seed_gives_the_same_network_and_step():
    def step():
        network = tiny()
        torch.manual_seed(3)
        network(image(batch=2))["masks"].square().mean().backward()
        return network

    one, other = step(), step()
    for (name, a), (_, b) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(a, b), name
        assert a.grad is None or torch.equal(a.grad, b.grad), name


def test_channels_last_changes_the_memory_order_only():
    network = tiny().eval()
    with torch.no_grad():
        before = network(image(batch=2))
        network.to(memory_format=torch.channels_last)
        after = network(image(batch=2).contiguous(memory_format=torch.channels_last))
    assert network.decoder.bottleneck[0].weight.is_contiguous(memory_format=torch.channels_last)
    for name in before:
        assert torch.allclose(before[name], after[name], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"structures": 0, "landmarks": 0}, "needs structures or landmarks"),
        ({"image_size": 8}, "at least 16 pixels"),
        ({"resnet_layers": [3, 4]}, "three numbers"),
        ({"resnet_width": 0.7}, "multiple of 0.5"),
        ({"heads": 5}, "multiple of heads"),
        ({"depth": 0}, "depth=0"),
        ({"dropout": 1}, "rate from 0"),
        ({"decoder_channels": [16, 16, 16]}, "4 of them"),
        ({"decoder_channels": []}, "4 of them"),
        ({"encoder_weights": "imagined"}, "choose imagenet21k, imagenet"),
    ],
)
def test_impossible_networks_are_refused_in_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        tiny(**options)
    assert "\n" not in str(caught.value)


def test_sizes_that_it_does_not_take_are_refused_in_one_line():
    network = tiny()
    with pytest.raises(ConfigError, match="not 40 x 64; pad them to 48 x 64") as caught:
        network(image(40, 64))
    assert "\n" not in str(caught.value)
    assert network.input_size(40, 64) == (48, 64)
