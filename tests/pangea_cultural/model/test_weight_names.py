import pytest

from pangea_cultural.model import weight_names


def test_unknown_weight_has_no_hub_name():
    with pytest.raises(weight_names.UnknownNameError, match="unknown prefix"):
        weight_names.hub_name("model.adapter.weight")


def test_modules_of_other_language_models_keep_their_names():
    assert (
        weight_names.hub_name("model.language_model.final_layernorm.bias")
        == "language_model.model.final_layernorm.bias"
    )
    for layout in (weight_names.hub_name, weight_names.from_original, weight_names.to_original):
        with pytest.raises(weight_names.UnknownNameError):
            layout("model.image_newline_2")


@pytest.mark.parametrize("layout", [weight_names.MODULES, weight_names.HUB, weight_names.ORIGINAL])
def test_no_prefix_starts_with_another(layout):
    prefixes = [row[layout] for row in weight_names.PREFIXES]
    assert not any(a != b and a.startswith(b) for a in prefixes for b in prefixes)
