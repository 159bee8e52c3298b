import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.models.unet import Model, UNet
from deepsphere.nn.wiring import WIRINGS, Wiring

WIDTHS = ((32, 64), (128,), (256,), (512,), (512,), (512,))
JIANG_WIDTHS = ((8,), (16,), (32,), (64,), (128,), (128,))
WIDER = tuple(tuple(2 * width for width in level) for level in WIDTHS)
PUBLISHED_POOLING = {"pool": "stride", "unpool": "fill", "fill": 1.0}

# Of every convolution, in the order in which they are computed: channels before and after, and the
# level, as Jiang et al. count them, from 5, the finest, to 0.
ENCODER = [(16, 32, 5), (32, 64, 5), (64, 128, 4), (128, 256, 3), (256, 512, 2), (512, 512, 1)]
ENCODER += [(512, 512, 0)]
MIRRORED = [(512, 512, 0), (1024, 512, 0), (512, 512, 1), (1024, 512, 1), (512, 512, 2)]
MIRRORED += [(768, 512, 2), (512, 256, 3), (384, 256, 3), (256, 128, 4), (192, 128, 4)]
MIRRORED += [(128, 64, 5), (96, 64, 5)]
NARROWING = [(512, 512, 1), (1024, 512, 1), (512, 256, 2), (768, 256, 2), (256, 128, 3)]
NARROWING += [(384, 128, 3), (128, 64, 4), (192, 64, 4), (64, 32, 5)]
JIANG = [(16, 8, 5), (8, 16, 4), (16, 32, 3), (32, 64, 2), (64, 128, 1), (128, 128, 0)]
JIANG += [(128, 128, 0), (256, 128, 0), (128, 128, 1), (256, 128, 1), (128, 64, 2), (128, 64, 2)]
JIANG += [(64, 32, 3), (64, 32, 3), (32, 16, 4), (32, 16, 4), (16, 8, 5), (16, 8, 5), (8, 3, 5)]
CONVOLUTIONS = {
    "published": [*ENCODER, *MIRRORED, (64, 32, 5), (32, 3, 5)],
    "latest": [*ENCODER, *MIRRORED, (64, 32, 5), (48, 32, 5), (32, 3, 5)],
    "paper": [*ENCODER, *NARROWING, (32, 3, 5)],
    "jiang": JIANG,
}


@pytest.mark.parametrize(
    ("wiring", "widths", "kernel_size", "expected"),
    [
        ("published", WIDTHS, 4, 12_926_432),
        ("latest", WIDTHS, 4, 12_932_608),
        ("paper", WIDTHS, 4, 7_674_115),
        ("paper", WIDTHS, 3, 5_756_579),
        ("jiang", JIANG_WIDTHS, 4, 590_976),
        ("latest", WIDER, 4, 51_710_976),
    ],
)
def test_they_have_as_many_parameters_as_published(
    hierarchy_on, count, without_weights, wiring, widths, kernel_size, expected
):
    """Of the wider one, "52 M" was published."""
    settings = {"wiring": wiring, "widths": widths, "kernel_size": kernel_size}
    hierarchy = hierarchy_on("published icosahedral")
    assert count(Model(16, 3, hierarchy, **settings, **PUBLISHED_POOLING)) == expected


@pytest.mark.parametrize("wiring", WIRINGS)
def test_their_convolutions_are_the_published_ones(
    hierarchy_on, draw, without_weights, monkeypatch, wiring
):
    hierarchy = hierarchy_on("published icosahedral")
    widths = JIANG_WIDTHS if wiring == "jiang" else WIDTHS
    model = UNet(16, 3, hierarchy, widths=widths, wiring=wiring, **PUBLISHED_POOLING)
    found = []

    def record(self, features):
        size, leaving = self.weight.shape[0], self.weight.shape[2]
        level = 5 - [hierarchy.pixels(number) for number in range(6)].index(features.shape[1])
        found.append((features.shape[2], leaving, level))
        last = len(found) == len(CONVOLUTIONS[wiring])
        assert size == (1 if last and wiring != "paper" else 4)
        return features.new_zeros(*features.shape[:2], leaving)

    monkeypatch.setattr(ChebConv, "forward", record)
    assert model(draw(1, 10242, 16)).shape == (1, 10242, 3)
    assert found == CONVOLUTIONS[wiring]


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_decoder_gets_what_the_wiring_says(hierarchy_on, draw, wiring):
    hierarchy = hierarchy_on("healpix")
    torch.manual_seed(0)
    model = UNet(2, 3, hierarchy, widths=((4, 5), (6,), (7,)), wiring=wiring).eval()
    seen = {}

    def remember(name):
        return lambda _, inputs, output: seen.update({name: (inputs[0], output)})

    for level, part in enumerate(model.encoder):
        part.last.register_forward_hook(remember(f"encoder {level}"))
    for number, stage in enumerate(model.decoder):
        if stage.block is not None:
            stage.block.register_forward_hook(remember(f"decoder {number}"))
    features = draw(2, 192, 2)
    model(features)
    mirrored = [2, 1, 0]
    levels = {
        "published": mirrored,
        "latest": [*mirrored, None],
        "paper": [1],
        "jiang": mirrored,
    }[wiring]
    assert len([name for name in seen if name.startswith("decoder")]) == len(levels)
    for number, level in enumerate(levels):
        joined, _ = seen[f"decoder {number}"]
        entering, leaving = (features, None) if level is None else seen[f"encoder {level}"]
        skip = leaving if wiring in ("paper", "jiang") else entering
        assert torch.equal(joined[..., -skip.shape[2] :], skip)


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize(
    "pooling",
    [{}, {"pool": "mean"}, PUBLISHED_POOLING],
    ids=["max", "mean", "stride"],
)
def test_it_works_on_every_sampling(hierarchy, draw, pooling, wiring):
    torch.manual_seed(0)
    widths = ((4, 5), (6,), (7,))[: len(hierarchy)]
    model = UNet(2, 3, hierarchy, widths=widths, wiring=wiring, **pooling)
    logits = model(draw(2, hierarchy.pixels(0), 2))
    assert logits.shape == (2, hierarchy.pixels(0), 3)
    logits.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_what_was_the_largest_returns_to_its_place(hierarchy, draw):
    widths = ((4, 5), (6,), (6,)) if len(hierarchy) == 3 else ((4, 6), (6,))
    model = UNet(2, 3, hierarchy, widths=widths, wiring="paper", unpool="max").eval()
    features = draw(2, hierarchy.pixels(0), 2)
    assert model(features).shape == (2, hierarchy.pixels(0), 3)
    places = model.encode(features).indices
    assert len(places) == len(hierarchy) - 1
    unpooled = []
    model.decoder[-1].unpooling.register_forward_hook(lambda *given: unpooled.append(given[-1]))
    model(features)
    others = torch.ones(unpooled[0].shape, dtype=torch.bool).scatter_(1, places[0], False)
    assert others.any()
    assert not unpooled[0][others].any()


def test_from_nside_32_to_1_it_works(hierarchy_on, draw):
    """Pixels are 12 at the coarsest level, fewer than the neighbours of a published graph."""
    hierarchy = hierarchy_on("published healpix")
    assert hierarchy.pixels(5) == 12
    model = UNet(2, 3, hierarchy, widths=((4,),) * 6)
    assert model(draw(1, 12288, 2)).shape == (1, 12288, 3)


def test_it_gives_logits_in_training_and_in_evaluation(hierarchy_on, draw):
    """Without a running average of anything, both are the same numbers, and no probabilities."""
    wiring = Wiring(
        skips="outputs",
        decoder="narrowing",
        last=None,
        rectified_bottom=False,
        rectified_up=True,
        pointwise_output=True,
        linear_bias=True,
    )
    model = UNet(2, 3, hierarchy_on("healpix"), widths=((4, 4), (4,)), wiring=wiring)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            part.momentum = 1.0
    features = draw(16, 192, 2)
    for _ in range(12):
        trained = model(features)
    evaluated = model.eval()(features)
    # They differ by the correction of the variance, rows / (rows - 1).
    torch.testing.assert_close(evaluated, trained, rtol=0.01, atol=0.01)
    assert (evaluated < 0).any()
    assert (evaluated.sum(dim=2) - 1).abs().max() > 0.1


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize("pool", ["max", "mean", "stride"])
def test_what_is_in_the_padding_is_never_seen(hierarchy_on, draw, pool, wiring):
    hierarchy = hierarchy_on("partial")
    padding = torch.as_tensor(~hierarchy.known[0])
    model = UNet(2, 3, hierarchy, widths=((4, 5), (6,)), wiring=wiring, pool=pool).eval()
    features = draw(2, len(padding), 2)
    other = features.clone()
    other[:, padding] = torch.nan
    assert torch.equal(model(other), model(features))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_its_state_comes_back(hierarchy_on, draw, assert_state_returns, wiring):
    def make():
        return UNet(2, 3, hierarchy_on("healpix"), widths=((4, 5), (6,)), wiring=wiring)

    assert_state_returns(make, draw(2, 192, 2))


def test_its_state_fits_other_samplings(hierarchy_on):
    state = UNet(2, 3, hierarchy_on("healpix"), widths=((4, 5), (6,))).state_dict()
    for name in ("partial", "icosahedral", "equiangular", "stations"):
        UNet(2, 3, hierarchy_on(name), widths=((4, 5), (6,))).load_state_dict(state, strict=True)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("healpix", {"wiring": "jiang"}),
        ("partial", {}),
        ("icosahedral", {"wiring": "latest", **PUBLISHED_POOLING}),
        ("equiangular", {"wiring": "paper", "unpool": "max"}),
    ],
)
def test_it_can_be_exported(hierarchy_on, draw, assert_exportable, name, settings):
    hierarchy = hierarchy_on(name)
    model = UNet(2, 3, hierarchy, widths=((4, 5), (6,), (6,)), **settings)
    assert_exportable(model, draw(2, hierarchy.pixels(0), 2))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit, wiring):
    hierarchy = hierarchy_on("tiny")
    torch.manual_seed(0)
    model = UNet(2, 3, hierarchy, widths=((16, 32), (32,)), wiring=wiring)
    features = draw(2, 48, 2)
    # Where the sum of the channels is among low, middle and high ones.
    classes = (features.sum(dim=2) > -0.5).long() + (features.sum(dim=2) > 0.5)
    before, after = overfit(model, features, classes)
    assert before > 0.5
    assert after < before / 10


def test_what_does_not_fit_is_refused_in_one_line(hierarchy_on):
    hierarchy = hierarchy_on("healpix")
    with pytest.raises(DeepsphereError, match=r"works on 6 levels, but its graph has 3; give the"):
        UNet(2, 3, hierarchy)
    with pytest.raises(
        DeepsphereError, match=r"no wiring 'jian' of a U-Net; take one of published"
    ):
        UNet(2, 3, hierarchy, widths=((4,), (4,)), wiring="jian")
    for widths in [((4,),), ((4,), ())]:
        with pytest.raises(DeepsphereError, match=r"has two levels or more, each with a block or"):
            UNet(2, 3, hierarchy, widths=widths)
    with pytest.raises(DeepsphereError, match=r"to level 0 by 'max' puts 4 channels back, found 5"):
        UNet(2, 3, hierarchy, widths=((4,), (5,)), wiring="paper", unpool="max")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "mean", "unpool": "max"}, "needs places of maxima; found pool='mean'"),
        ({"unpool": "repeat"}, "by 'repeat' needs cells that nest"),
    ],
)
def test_what_cannot_be_unpooled_is_refused(hierarchy_on, settings, message):
    with pytest.raises(DeepsphereError, match=message):
        UNet(2, 3, hierarchy_on("icosahedral"), widths=((4,), (4,), (4,)), **settings)
