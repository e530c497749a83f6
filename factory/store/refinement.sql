-- Migration: answers of a rewriting model, and what became of each question that it was asked.

-- Answers, by a hash of model, prompt and input. They stay when the stage starts over: each was paid for.
CREATE TABLE rewrite (
    key UUID NOT NULL,
    model VARCHAR NOT NULL,
    prompt VARCHAR NOT NULL,              -- version
    question VARCHAR NOT NULL,
    sentence VARCHAR NOT NULL,
    fault VARCHAR NOT NULL,               -- of an answer that is something else than asked; otherwise ''
    raw VARCHAR NOT NULL,                 -- beginning of an answer with a fault
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL
);
-- Questions that were to be rewritten. `reason` is why one keeps the text of its template; '' if it does not.
CREATE TABLE refinement (
    item INTEGER NOT NULL,
    variant INTEGER NOT NULL,
    key UUID NOT NULL,
    reason VARCHAR NOT NULL
);
CREATE VIEW accepted_rewriting AS
SELECT f.item, f.variant, w.question, w.sentence, w.model || ' ' || w.prompt AS rewritten_by
FROM refinement f JOIN rewrite w USING (key) WHERE f.reason = '';
