"""Reasons for rejected rows and remarks on accepted ones. They are counted by text, so each text is fixed."""

from pangea_cultural.utils.images import MISSING

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not a JSON object"
FILE_NAME_NOT_UTF8 = "file name is not UTF-8"

NO_LANGUAGE = "no language"
UNKNOWN_LANGUAGE = "unknown language"
TEXT_NOT_A_STRING = "text is not a string"
TEXT_NOT_UNICODE = "text is not Unicode"
EMPTY_TEXT = "empty question or answer"

INVALID_IMAGE_PATH = "invalid image path"
IMAGE_PATH_OUTSIDE_FOLDER = "image path outside the image folder"
IMAGE_MISSING = MISSING

NOT_A_LIST_OF_TURNS = "conversations is not a list of turns"
SYSTEM_TURN = "system turn"
UNKNOWN_SPEAKER = "speaker is neither human nor gpt"
TURNS_DO_NOT_ALTERNATE = "turns do not alternate between question and answer"
PLACEHOLDER_COUNT = "numbers of image placeholders and images differ"
PLACEHOLDER_IN_ANSWER = "image placeholder in an answer"

NO_REGION_FOLDER = "image is not in a region's folder"
NO_REFINED_QUESTION = "no refined question and answer"
ANSWER_NOT_A_CHOICE = "answer is not among the choices"
UNKNOWN_ROW_LAYOUT = "neither a chat object nor the recipe's columns"
SECTION_NOT_AN_OBJECT = "section is not an object"
IMAGES_NOT_A_LIST = "images is not a list"
PARAGRAPHS_NOT_A_LIST = "para is not a list"

EXCLUDED_LANGUAGE = "language not in the recipe"
EXCLUDED_REGION = "region not in the recipe"
EXCLUDED_QUESTION_TYPE = "question type not in the recipe"

BROKEN_IMAGE = "image missing or broken"
TOO_LONG = "longer than max_length"

REMARK_FIRST_TURN = "first turn is not the human's, left out"
REMARK_UNKNOWN_REGION = "folder is not a region, region unknown"
