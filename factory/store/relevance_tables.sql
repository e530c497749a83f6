-- Migration: relevance of images, asked of a model.

-- Answers of models to the question whether an image shows an entity. They are kept when a stage starts over.
CREATE TABLE relevance_answer (
    image VARCHAR NOT NULL,
    entity VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    prompt_version VARCHAR NOT NULL,
    method VARCHAR NOT NULL,              -- origin of the probability: logprobs or text
    prompt VARCHAR NOT NULL,
    probability DOUBLE,                   -- of yes; NULL if the answer is neither yes nor no
    mass DOUBLE,                          -- probability of yes and no together; NULL for a text
    answer VARCHAR NOT NULL
);
-- Pairs of image and entity with the probabilities of the recipe's models.
CREATE TABLE relevance (image VARCHAR NOT NULL, entity VARCHAR NOT NULL, probability DOUBLE NOT NULL, second DOUBLE);
