"""The second name of a served checkpoint."""

from pangea_cultural.endpoint.identity import alias


def test_name_changes_with_every_file_that_answers_depend_on(tmp_path):
    def changed(name, content):
        before = alias("tiny", tmp_path)
        (tmp_path / name).write_text(content)
        return [
            old != new
            for old, new in zip(
                before.split("@")[1].split("."), alias("tiny", tmp_path).split("@")[1].split("."), strict=True
            )
        ]

    assert changed("model.safetensors", "1") == [True, False]
    assert changed("model-2.safetensors", "1") == [True, False]
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        assert changed(name, "{}") == [False, True]
    for name in ("training.json", "README.md", "notes.md"):
        assert changed(name, "{}") == [False, False]
