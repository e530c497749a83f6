"""The stage `split`: unseen categories and held-out languages."""

from factory.splits.stage import HELD_OUT_LANGUAGE
from factory.store.store import Store
from pangea_cultural.dataset.export import Export


def test_images_of_an_unseen_category_are_all_in_unseen(castles):
    export = Export.open(castles / "workspace/exports/castles")
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        others = {row[0] for row in store.rows("SELECT 'images/' || path FROM image WHERE file LIKE '%e.png'")}
    assert others == {row.image for row in export.questions("unseen")}


def test_held_out_questions_on_training_images_are_rejected_and_counted(castles):
    export = Export.open(castles / "workspace/exports/castles")
    training_images = {row.image for row in export.questions("train")}
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as store:
        dutch = store.rows("SELECT path FROM question JOIN image USING (image) WHERE language = 'nl'")
        rejections = store.rows("SELECT item, items FROM rejection WHERE reason = ?", [HELD_OUT_LANGUAGE])
    assert rejections == [("nl", sum(f"images/{path}" in training_images for (path,) in dutch))]
