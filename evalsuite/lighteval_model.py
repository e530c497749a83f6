"""The model behind an OpenAI-compatible endpoint, for `lighteval custom NAME evalsuite/lighteval_model.py TASKS`.

lighteval takes the first class of this file, so that no other model is imported by name. PCULT_ENDPOINT has the URL,
and PCULT_ENDPOINT_KEY the key, if there is one. NAME is the model's name at the endpoint.
"""

import asyncio
import io
import os

from lighteval.models import abstract_model
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc
from PIL import Image

from evalsuite.harness.endpoint_model import NoCache
from evalsuite.harness.published_model import message
from evalsuite.metrics.reasoning import without_reasoning
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.errors import UserError

URL, KEY = "PCULT_ENDPOINT", "PCULT_ENDPOINT_KEY"
"""Environment variables."""


class OpenAIEndpoint(abstract_model.LightevalModel):
    """The model behind an endpoint. A question without an answer ends the run: lighteval has no missing scores.

    Args:
        config: lighteval's, with the name of the model.

    Raises:
        UserError: the variable of the URL is not set.
    """

    def __init__(self, config: abstract_model.ModelConfig) -> None:
        self.config = config
        self._cache = NoCache()
        self._url = os.environ.get(URL, "")
        if not self._url:
            raise UserError(f"The environment variable {URL} is not set. Set it to the URL of an endpoint.")

    @property
    def tokenizer(self) -> None:
        """None, because the endpoint tokenizes."""
        return None

    @property
    def add_special_tokens(self) -> bool:
        """False, because the endpoint's chat template adds them."""
        return False

    @property
    def max_length(self) -> int:
        """A large number, because the endpoint rejects texts that are too long."""
        return 1 << 20

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """Return greedy answers, in the documents' order.

        Raises:
            NoAnswerError: the endpoint does not answer a question.
        """
        return [ModelResponse(text=[text]) for text in asyncio.run(self._ask(docs))]

    async def _ask(self, docs: list[Doc]) -> list[str]:
        async with Endpoint(self._url, api_key=os.environ.get(KEY), model=self.config.model_name) as endpoint:

            async def answer(doc: Doc) -> str:
                images = await asyncio.to_thread(lambda: [png(image) for image in doc.images or ()])
                reply = await endpoint.reply(message(doc.query, images), max_tokens=doc.generation_size)
                return without_reasoning(reply.text)

            return await gather(answer, docs)

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        """Reject tasks that compare likelihoods: those of this project generate.

        Raises:
            UserError: always.
        """
        raise UserError("This model generates answers only. Use `pcult eval` for likelihoods.")

    def loglikelihood_rolling(self, docs: list[Doc]) -> list[ModelResponse]:
        """Reject perplexity tasks.

        Raises:
            UserError: always.
        """
        raise UserError("This model generates answers only. Remove that task.")


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file, which keeps its pixels."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
