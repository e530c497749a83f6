"""The functions behind the page. They keep nothing between calls: the page sends what it shows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import gradio as gr

from demos.ask import agreement, answers, as_code, options, panels, texts, uploads
from demos.ask.answers import Progress, Target
from demos.ask.conversation import Turn, before_answer, is_blank, last_question, shown
from demos.ask.gallery import FILTERS, NUMBER, Gallery, Picked
from demos.ask.layout import MAX_QUESTION
from demos.ask.running import Running, until
from demos.browse import facts
from pangea_cultural.endpoint.failures import NoAnswerError, NoLikelihoodsError
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.utils.console import without_controls


class Asked(NamedTuple):
    """A question that all chats answer."""

    image: str
    """Path of the image."""
    question: str
    code: str
    """Code of the language."""
    other: str
    """Code of the second language; empty for none."""
    other_question: str
    picked: Picked | None
    number: int
    """Number of the question, as of `Running`."""


class Visit:
    """The functions of the page's events.

    Args:
        targets: the models that are asked. A second language is asked of the first one.
        gallery: images of exports.
        trained: codes of the first model's languages; empty if they are not known.
        store: the factory's store; None if there is none.
    """

    def __init__(self, targets: list[Target], gallery: Gallery, trained: list[str], store: Path | None) -> None:
        self._targets, self._gallery, self._trained, self._store = targets, gallery, trained, store
        self._fault = ""

    def said(self, code: str, name: str, kind: str = "info", **values: object) -> str:
        """Return a sentence for the visitor."""
        return panels.note(texts.text(code, name, **values), kind)

    def suggestions(self, picked: Picked | None, code: str) -> tuple[Any, ...]:
        """Return what depends on image and language: questions, a remark, facts, options, no probabilities.

        The visitor's own question stays: it may be written while the image is sent.
        """
        questions = self._gallery.questions(picked, code)
        listed = "\n".join(self._options(picked, code, questions[0] if questions else ""))
        examples = gr.Radio(choices=questions, value=None, visible=bool(questions))
        return examples, self.untrained(code), self._facts(picked, code), listed, ""

    def untrained(self, code: str) -> str:
        """Return that the model was not trained in a language; an empty text if it was."""
        return self.said(code, "untrained") if self._trained and code not in self._trained else ""

    def _options(self, picked: Picked | None, code: str, question: str) -> list[str]:
        known = self._gallery.known(picked, code, question) if picked else None
        return self._gallery.options(picked, known, code) if picked and known else []

    def _facts(self, picked: Picked | None, code: str) -> str:
        if picked is None:
            return self.said(code, "facts_none")
        entity = self._gallery.entity(picked)
        known = facts.read(self._store, entity, code)
        names = known.names[0]["text"] if known.names else ""
        rows = self._gallery.facts(picked, code)
        return panels.facts(code, names=names, entity=entity, rows=rows, credit=self._gallery.credit(picked))

    def listed(self, start: int, *values: str | None, step: int = 0) -> tuple[Any, ...]:
        """Return a page of the gallery: images, their names, its start, its number, and whether others are there."""
        chosen = {column: value or "" for column, value in zip(FILTERS, values, strict=True)}
        count = self._gallery.count(chosen)
        start = max(0, min(start + step * NUMBER, (count - 1) // NUMBER * NUMBER))
        listed = [(picked, self._gallery.file(picked)) for picked in self._gallery.page(chosen, start)]
        found = [(picked, path) for picked, path in listed if path and path.is_file()]
        place = f'<p dir="ltr">{start // NUMBER + 1 if count else 0} / {-(-count // NUMBER)}</p>'
        images, names = [str(path) for _, path in found], [picked for picked, _ in found]
        before, after = gr.Button(interactive=start > 0), gr.Button(interactive=start + NUMBER < count)
        return gr.Gallery(images, selected_index=None), names, start, place, before, after

    def emptied(self) -> tuple[Any, ...]:
        """Return empty chats."""
        return ([], "", gr.Button(visible=False)) * (len(self._targets) + 1)

    def forgotten(self) -> tuple[Any, ...]:
        """Return empty histories of the chats."""
        return tuple([[] for _ in range(len(self._targets) + 1)])

    async def pick(self, names: list[Any], code: str, running: Running, event: gr.SelectData) -> tuple[Any, ...]:
        """Return the page with an image of the gallery, or with a sentence about what is wrong with it."""
        await running.end()
        picked = Picked(*names[event.index])
        path = str(self._gallery.file(picked))
        if problem := await asyncio.to_thread(uploads.problem, path, self._gallery.folders):
            questions, _, *others = await asyncio.to_thread(self.suggestions, None, code)
            return None, None, questions, self.said(code, problem, "problem"), *others, *self.forgotten()
        suggested = await asyncio.to_thread(self.suggestions, picked, code)
        return path, picked, *suggested, *self.forgotten()

    async def upload(self, value: Any, code: str, running: Running) -> tuple[Any, ...]:
        """Return the page with an uploaded image, or with a sentence about what is wrong with it.

        A good image stays as it is: it was removed in the meantime if the browser sends the old one once more.
        So does an empty field: another image may be on its way when this is shown.
        """
        await running.end()
        image = uploads.path_of(value)
        problem, change = await asyncio.to_thread(self._opened, image) if image else ("", gr.skip())
        questions, remark, *others = await asyncio.to_thread(self.suggestions, None, code)
        remark = self.said(code, problem, "problem") if problem else remark
        return change, None, questions, remark, *others, *self.forgotten()

    def _opened(self, image: str) -> tuple[str, Any]:
        """Return what is wrong with an image, and the change of its field."""
        if problem := uploads.problem(image, self._gallery.folders):
            return problem, None
        try:
            changed = uploads.shown(image)
        except (ImageError, OSError):
            return uploads.OTHER_PROBLEM, None
        if changed == image:
            return "", gr.skip()
        problem = uploads.problem(changed)
        return problem, None if problem else changed

    async def clear(self, running: Running) -> tuple[Any, ...]:
        """End all answers, and return no sentence and empty histories."""
        await running.end()
        return "", *self.forgotten()

    async def begin(self, running: Running, *values: Any, is_example: bool) -> tuple[Any, ...]:
        """Return what `asked` does, after the answers to earlier questions have ended, if the question can be asked."""
        asked, *others = await asyncio.to_thread(self.asked, *values, is_example=is_example)
        if asked is not None:
            await running.end()
            asked = asked._replace(number=running.number)
        return asked, *others

    def asked(
        self,
        value: Any,
        question: str,
        code: str,
        other: str,
        other_question: str,
        picked: Any,
        turns: list[Turn],
        *,
        is_example: bool,
    ) -> tuple[Any, ...]:
        """Return the question for all chats and the emptied fields, or a sentence about what is missing.

        Args:
            value: value of the image field.
            question: the visitor's question, or the chosen example.
            code: code of the interface's language.
            other: code of the second language; empty for none.
            other_question: the question in the second language.
            picked: the image of the gallery; None for others.
            turns: turns of the first chat.
            is_example: whether the question is an example. The visitor's own question stays in its field.
        """
        image, question = uploads.path_of(value), (question or "").strip()
        problem = self._problem(image, question)
        if problem or image is None:
            said = self.said(code, problem, "problem", number=MAX_QUESTION) if problem else ""
            return None, gr.skip(), gr.Radio(value=None), gr.skip(), said, *[gr.skip()] * 5
        picked = Picked(*picked) if picked else None
        second = "" if is_example else (other_question or "").strip()[:MAX_QUESTION]
        second = (second or self._parallel(picked, code, question, other) or question) if other else ""
        asked = Asked(image, question, code, other, second, picked, 0)
        sent = [turn for turn in turns if not is_blank(turn["content"])] + [{"role": "user", "content": question}]
        known = self._options(picked, code, question)
        return (
            asked,
            gr.skip() if is_example else "",
            gr.Radio(value=None),
            "",
            self.untrained(code),
            "\n".join(known) if known else gr.skip(),
            as_code.curl(self._targets[0], sent),
            as_code.python(self._targets[0], sent),
            gr.Column(visible=bool(other)),
            gr.Chatbot(label=language(other).native, rtl=texts.is_rtl(other)) if other else gr.skip(),
        )

    def _problem(self, image: str | None, question: str) -> str:
        if not image:
            return "no_image"
        if is_blank(question):
            return "no_question"
        return "too_long" if len(question) > MAX_QUESTION else uploads.problem(image, self._gallery.folders)

    def _parallel(self, picked: Picked | None, code: str, question: str, other: str) -> str:
        known = self._gallery.known(picked, code, question) if picked else None
        return self._gallery.parallel(picked, known, other) if picked and known else ""

    def translated(self, question: str, code: str, other: str, picked: Any, turns: list[Turn]) -> str:
        """Return the question of the export in the second language; an empty text if there is none."""
        if not other or not picked:
            return ""
        asked = [question or "", last_question(turns)]
        found = (self._parallel(Picked(*picked), code, text.strip(), other) for text in asked if text.strip())
        return next((text for text in found if text), "")

    def answer(self, number: int, *, again: bool = False) -> Callable[..., AsyncIterator[Any]]:
        """Return the function that streams the answers of a chat.

        Args:
            number: number of the chat. The last one is that of the second language.
            again: whether the last question is answered again.
        """
        is_other = number == len(self._targets)
        target = self._targets[0 if is_other else number]

        async def stream(asked: Any, turns: list[Turn], interface: str, running: Running) -> AsyncIterator[Any]:
            asked = Asked(*asked) if asked else None
            if asked is None or (is_other and not asked.other) or (asked.number != running.number and not again):
                yield (gr.skip(),) * 4
                return
            await running.end(number)
            code, question = (asked.other, asked.other_question) if is_other else (asked.code, asked.question)
            turns = before_answer(turns) if again else [*turns, {"role": "user", "content": question}]
            if not turns:
                yield (gr.skip(),) * 4
                return
            with running.answering(number) as answer:
                yield shown(turns), turns, "", gr.Button(visible=False)
                progress, said, pieces = Progress(""), turns, answers.stream(target, turns, Path(asked.image))
                async with contextlib.aclosing(pieces), contextlib.aclosing(until(answer.stop, pieces)) as parts:
                    async for progress in parts:
                        answer.is_complete = progress.is_end
                        if progress.is_end:
                            self._tell(progress.fault)
                        said = turns + ([{"role": "assistant", "content": progress.text}] if progress.text else [])
                        kind = "problem" if progress.is_end else "info"
                        note = self.said(interface, progress.remark, kind) if progress.remark else ""
                        if progress.is_end and not note:
                            note = self._verdict(asked.picked, code, question, progress.text, interface)
                        yield shown(said), said, note, gr.Button(visible=progress.is_end)
                if not progress.is_end:
                    yield shown(said), said, "", gr.Button(visible=True)

        return stream

    def _tell(self, fault: str) -> None:
        """Tell the one who runs the page about a fault of an endpoint; once, not for each answer."""
        if fault and fault != self._fault:
            click.echo(without_controls(fault), err=True)
        self._fault = fault

    async def stopped(self, code: str, running: Running) -> str:
        """End all answers. Return that they were stopped; an empty text if none was on its way."""
        return self.said(code, "stopped") if await running.end() else ""

    def _verdict(self, picked: Any, code: str, question: str, answer: str, interface: str) -> str:
        """Return whether an answer agrees with the known one, as a sentence."""
        known = self._gallery.known(Picked(*picked), code, question) if picked else None
        if known is None:
            return ""
        found = agreement.verdict(answer, known.answers, code)
        return self.said(interface, found, found, answer=known.answers[0])

    def compare(self, value: Any, question: str, listed: str, code: str, picked: Any, turns: list[Turn]) -> str:
        """Return the probabilities of options as bars, or a sentence about what is missing."""
        image = uploads.path_of(value)
        picked = Picked(*picked) if picked else None
        examples = self._gallery.questions(picked, code)[:1]
        asked = (question or "").strip() or last_question(turns) or "".join(examples)
        found = options.split(listed or "")
        problem = self._problem(image, asked)
        if problem or image is None:
            return self.said(code, problem or "no_image", "problem", number=MAX_QUESTION)
        if not options.LEAST <= len(found) <= options.MOST:
            return self.said(code, "options_hint", "problem")
        try:
            # In an event loop of this thread: a large image would hold up that of the page.
            shares = asyncio.run(options.shares(self._targets[0], Path(image), asked, found))
        except NoLikelihoodsError:
            return self.said(code, "options_none", "problem")
        except NoAnswerError as error:
            return self.said(code, "down" if error.is_down or error.is_busy else "options_none", "problem")
        except UserError:
            return self.said(code, "down", "problem")
        known = self._gallery.known(picked, code, asked) if picked else None
        return self.said(code, "options_result") + panels.bars(found, shares, known.answers if known else [])
