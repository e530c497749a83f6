"""Bytes that devices exchange."""

from pangea_cultural.training.estimate.hours import communication_bytes


def test_gradients_are_summed_in_the_dtype_of_the_trainable_weights(stage_model):
    narrow = {"optim": "adamw_bf16", "weight_dtype": "bfloat16"}
    models = [stage_model(), stage_model(dtype="bfloat16"), stage_model(dtype="bfloat16", optimizer=narrow)]
    sent = [communication_bytes(model, 4, steps=10, micro_batches=30) for model in models]
    expected = 10 * 2 * 3 / 4 * models[0].total.trainable
    assert sent == [4 * expected, 4 * expected, 2 * expected]
