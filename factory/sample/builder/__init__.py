"""Scripts that write the embedded sample. They are not part of the wheel: run them from the source tree.

npm pack cldr-annotations-full@48.2.0 && tar xzf cldr-annotations-full-48.2.0.tgz
python -m factory.sample.builder.build --annotations package
python -m factory.sample.builder.draw_flags
python -m factory.sample.builder.draw_landmarks
"""
