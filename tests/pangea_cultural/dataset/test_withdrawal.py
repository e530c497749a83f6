"""The withdrawal list: ids of entities, properties and paths, of Wikidata and own ones."""

import pytest

from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnClaim, WithdrawnEntity
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import write_json


@pytest.mark.parametrize("path", ["Q1 P17/P37", "x:mole main_part/P17", "x:text~0f.1_a main_part/made_of"])
def test_paths_over_wikidata_and_own_entities_are_read_again(tmp_path, path):
    items = (
        WithdrawnEntity(entity="x:maize", paths=(path,)),
        WithdrawnClaim(entity="x:mole", property="main_part", value="x:maize"),
    )
    WithdrawalList(withdrawn=items).write(tmp_path / "list.json")
    assert tuple(withdrawal.read(tmp_path / "list.json")) == items


@pytest.mark.parametrize("path", ["Q1 P17", "Q1 P17/P37/P1", "x:Mole main_part/P17", "Q0 P17/P37", "Q1 P17/P37\n", ""])
def test_other_paths_are_refused(tmp_path, path):
    write_json(tmp_path / "list.json", [{"type": "entity", "entity": "Q2", "paths": [path]}])
    with pytest.raises(UserError, match="paths"):
        withdrawal.read(tmp_path / "list.json")
