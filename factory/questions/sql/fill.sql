-- Questions about a range of items: an open one in every language with a name of the answer, and a choice one where three
-- wrong options have names.

CREATE OR REPLACE TEMP TABLE chunk AS
SELECT i.item, i.fact, i.asked, i.scope, i.hash, o.numbers, o.turns, s.split = 'train' AS in_train, d.reason,
       o.numbers[1]::BIGINT * 256 AS key1, o.numbers[2]::BIGINT * 256 AS key2, o.numbers[3]::BIGINT * 256 AS key3
FROM item i JOIN split s USING (image) LEFT JOIN option o USING (item) LEFT JOIN dropped_item d USING (item)
WHERE i.item >= $first AND i.item < $last;

CREATE OR REPLACE TEMP TABLE chunk_value AS
SELECT f.fact, f.scope, v.number, list_position(f.right_values, f.value) AS position,
       f.single AND v.number NOT IN (SELECT number FROM collision) AS single, len(f.right_values) AS needed
FROM (
    SELECT fact, scope, right_values, unnest(all_values) AS value, len(all_values) = 1 AS single
    FROM fact JOIN (SELECT DISTINCT fact, scope FROM chunk) USING (fact)
) f
JOIN value_number v USING (value);

CREATE OR REPLACE TEMP TABLE chunk_name AS
SELECT key, number, n.variant::BIGINT AS variant, id, by_model, v.scope FROM name n JOIN variant v USING (variant)
WHERE number IN (SELECT number FROM chunk_value UNION SELECT unnest(numbers) FROM chunk);

-- Names that exclude wrong options: those that are shown, and others of the right values.
CREATE OR REPLACE TEMP TABLE excluding_name AS
SELECT number, variant, id, by_model, scope, true AS is_shown FROM chunk_name
UNION ALL
SELECT c.number, c.variant, c.id, false, v.scope, false
FROM collision c JOIN variant v USING (variant) WHERE c.number IN (SELECT number FROM chunk_value);

-- Answers by language, if all right values have names. `others` has the names of all values, if there are several: they are no wrong options.
CREATE OR REPLACE TEMP TABLE answer AS
SELECT v.fact, n.variant, n.number AS answer, n.id, n.by_model, NULL::INTEGER[] AS others
FROM chunk_value v JOIN chunk_name n ON n.number = v.number AND (n.scope < 0 OR n.scope = v.scope)
WHERE v.single
UNION ALL
SELECT fact, variant, arg_min(number, position), arg_min(id, position), bool_or(by_model) FILTER (position IS NOT NULL), list(id)
FROM (
    SELECT v.fact, n.variant, n.number, n.id, n.by_model, v.needed, CASE WHEN n.is_shown THEN v.position END AS position
    FROM chunk_value v JOIN excluding_name n ON n.number = v.number AND (n.scope < 0 OR n.scope = v.scope)
    WHERE NOT v.single
)
GROUP BY fact, variant HAVING count(DISTINCT position) = any_value(needed);

-- Names that a model wrote are in train only. Each language takes other bits of the item's hash. The first three candidates
-- are the wrong options in most cases. The lists of candidates stay in `chunk`: copying them takes longer than the joins.
CREATE OR REPLACE TEMP TABLE draft AS
SELECT c.item, a.variant, (c.hash >> a.variant) % w.asks + 1 AS ask,
       (c.hash >> (a.variant // 2)) % w.says + 1 AS say,
       (c.hash >> (60 - a.variant)) & 3 AS place, a.answer, a.id, a.others,
       n1.number AS wrong1, n2.number AS wrong2, n3.number AS wrong3,
       a.others IS NULL AND coalesce(n1.id <> n2.id AND n1.id <> n3.id AND n2.id <> n3.id AND n1.id <> a.id AND n2.id <> a.id
                                     AND n3.id <> a.id, false) AS complete,
       coalesce((l.mask >> (ask - 1)) & 1, 0) = 1 AS leaks, coalesce(c.reason, d.reason) AS reason
FROM chunk c
JOIN answer a ON a.fact = c.fact AND CASE WHEN c.in_train THEN NOT list_contains($held_out, a.variant) ELSE NOT a.by_model END
JOIN wording_size w ON w.asked = c.asked AND w.variant = a.variant
LEFT JOIN leak l ON l.key = c.fact::BIGINT * 256 + a.variant
LEFT JOIN dropped_name d ON d.item = c.item AND d.variant = a.variant
LEFT JOIN chunk_name n1 ON n1.key = c.key1 + a.variant AND (c.in_train OR NOT n1.by_model)
LEFT JOIN chunk_name n2 ON n2.key = c.key2 + a.variant AND (c.in_train OR NOT n2.by_model)
LEFT JOIN chunk_name n3 ON n3.key = c.key3 + a.variant AND (c.in_train OR NOT n3.by_model);

-- Numbers of items with an answer, from which what is dropped is counted.
CREATE OR REPLACE TEMP TABLE answered AS
SELECT c.asked, a.variant, count(*) AS items, count_if(c.in_train AND list_contains($held_out, a.variant)) AS held_out,
       count_if(NOT c.in_train AND a.by_model) AS by_model
FROM chunk c JOIN answer a USING (fact) GROUP BY ALL;

INSERT INTO tally
SELECT asked, variant, $held_out_language, 2 * held_out FROM answered WHERE held_out > 0
UNION ALL
SELECT asked, variant, $named_by_model, 2 * by_model FROM answered WHERE by_model > 0
UNION ALL
SELECT asked, variant, $no_template, 2 * (items - held_out - by_model)
FROM answered ANTI JOIN wording_size USING (asked, variant) WHERE items > held_out + by_model
UNION ALL
SELECT c.asked, d.variant, $answer_in_question, 2 * count(*) FROM draft d JOIN chunk c USING (item) WHERE d.leaks GROUP BY ALL
UNION ALL
SELECT asked, variant, $no_name, 2 * (p.items - coalesce(a.items, 0))
FROM (
    SELECT asked, variant, sum(items)::BIGINT AS items
    FROM (SELECT asked, scope, count(*) AS items FROM chunk GROUP BY ALL) c JOIN variant v ON v.scope < 0 OR v.scope = c.scope
    GROUP BY ALL
) p
LEFT JOIN answered a USING (asked, variant) WHERE p.items > coalesce(a.items, 0);

-- Names are missing, or equal to each other or to a right answer: the next candidates replace them. Here are also the
-- items with several values.
CREATE OR REPLACE TEMP TABLE replaced AS
SELECT item, variant, found[1].number AS wrong1, found[2].number AS wrong2, found[3].number AS wrong3
FROM (
    SELECT item, variant, list_sort(list({'turn': turn, 'number': number} ORDER BY draw)[:3]) AS found
    FROM (
        SELECT o.item, o.variant, arg_min(n.number, o.draw) AS number, arg_min(o.turn, o.draw) AS turn, min(o.draw) AS draw
        FROM (
            SELECT item, d.variant, d.id, d.others, c.in_train, unnest(c.numbers) AS number, unnest(c.turns) AS turn,
                   generate_subscripts(c.numbers, 1) AS draw
            FROM draft d JOIN chunk c USING (item) WHERE NOT d.complete AND NOT d.leaks AND len(c.numbers) >= 3
        ) o
        JOIN chunk_name n ON n.key = o.number::BIGINT * 256 + o.variant AND (o.in_train OR NOT n.by_model)
        WHERE n.id <> o.id AND (o.others IS NULL OR NOT list_contains(o.others, n.id))
        GROUP BY o.item, o.variant, n.id
    )
    GROUP BY item, variant HAVING count(*) >= 3
);

INSERT INTO drawn_question
FROM (
    SELECT item, variant, ask, say, place, answer, wrong1, wrong2, wrong3 FROM draft WHERE complete AND NOT leaks AND reason IS NULL
    UNION ALL
    SELECT d.item, d.variant, ask, say, place, answer, r.wrong1, r.wrong2, r.wrong3
    FROM draft d LEFT JOIN replaced r USING (item, variant) WHERE NOT complete AND NOT leaks AND reason IS NULL
)
ORDER BY item, variant;

INSERT INTO dropped_question
SELECT item, variant, reason FROM draft WHERE reason IS NOT NULL AND NOT leaks ORDER BY item, variant;
