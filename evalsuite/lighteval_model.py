"""The model behind an OpenAI-compatible endpoint, for `lighteval custom NAME evalsuite/lighteval_model.py TASKS`.

lighteval takes the first class of this file, so that no other model is imported by name. PCULT_ENDPOINT has the URL,
and PCULT_ENDPOINT_KEY the key, if there is one. NAME is the model's name at the endpoint.
"""

import asyncio
import os

from lighteval.models.abstract_model import ModelConfig
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from evalsuite.harness import endpoint_model
from evalsuite.harness.published_model import message
from evalsuite.metrics.reasoning import without_reasoning
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.messages import png
from pangea_cultural.errors import UserError

URL, KEY = "PCULT_ENDPOINT", "PCULT_ENDPOINT_KEY"
"""Environment variables."""


class OpenAIEndpoint(endpoint_model.AskedModel):
    """The model behind an endpoint. A question without an answer ends the run: lighteval has no missing scores.

    Args:
        config: lighteval's, with the name of the model.

    Raises:
        UserError: the variable of the URL is not set.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._cache = endpoint_model.NoCache()
        self._url = os.environ.get(URL, "")
        if not self._url:
            raise UserError(f"The environment variable {URL} is not set. Set it to the URL of an endpoint.")

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
