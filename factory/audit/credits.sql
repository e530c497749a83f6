-- Credits of the guessers. Each gives every option a key and chooses the highest one. Where several options share it,
-- the guesser has a part of the point: credits are 60ths, so that sums are exact.

-- The number in a text: its first one of three digits or more, such as a year, or else its first one.
-- Most texts have no other digits than ASCII's, and `translate` is slow.
CREATE MACRO plain(text, digits, ascii) AS
    CASE WHEN regexp_matches(regexp_replace(text, '[0-9]+', '', 'g'), '\p{Nd}') THEN translate(text, digits, ascii)
         ELSE text END;
CREATE MACRO grouped(text) AS regexp_replace(text, '([0-9])[., \x{A0}\x{202F}\x{66C}\x{2019}'']([0-9]{3})\b', '\1\2', 'g');
CREATE MACRO first_number(digits) AS TRY_CAST(replace(coalesce(
    nullif(regexp_extract(digits, '[0-9]{3,}([.,][0-9]+)?'), ''),
    nullif(regexp_extract(digits, '[0-9]+([.,][0-9]+)?'), '')
), ',', '.') AS DOUBLE);

CREATE TABLE offer AS
WITH option AS (
    SELECT number, fold, language, property, entity_type, answer, unnest(choices) AS option,
           generate_subscripts(choices, 1) AS position, hash(language, property, list_sort(choices)) AS set_of_options
    FROM asked
)
SELECT o.number, o.position, o.option = o.answer AS is_right,
       coalesce(k.times_right, 0) - coalesce(w.times_right, 0) AS times_right,
       coalesce(k.times_offered, 0) - coalesce(w.times_offered, 0) AS times_offered,
       coalesce(s.times, 0) - coalesce(v.times, 0) AS times_of_set, length(o.option) AS length,
       first_number(grouped(grouped(plain(o.option, $digits, $ascii)))) AS amount
FROM option o
LEFT JOIN known k USING (language, property, entity_type, option)
LEFT JOIN own w ON (w.fold, w.language, w.property, w.entity_type, w.option)
                 = (o.fold, o.language, o.property, o.entity_type, o.option)
LEFT JOIN known_set s ON s.options = o.set_of_options AND s.answer = o.option
LEFT JOIN own_set v ON v.fold = o.fold AND v.options = o.set_of_options AND v.answer = o.option;

CREATE MACRO credit(keys, right_key) AS
    CASE WHEN right_key = list_max(keys) THEN 60 // len(list_filter(keys, lambda key: key = list_max(keys))) ELSE 0 END;
-- A macro's lambda must not have the name of a variable that it is called with.
CREATE MACRO from_middle(amount, amounts) AS
    abs(len(list_filter(amounts, lambda other: other < amount)) - len(list_filter(amounts, lambda other: other > amount)));
-- Relative distance of an amount to the next one: the smallest distance is the one to itself.
CREATE MACRO from_next(amount, amounts) AS
    list_sort(list_transform(amounts, lambda other: abs(amount - other) / greatest(abs(amount), abs(other), 1)))[2];

CREATE TABLE credit_of AS
WITH keys AS (
    SELECT number,
           list(times_right) AS frequent, any_value(times_right) FILTER (is_right) AS frequent_right,
           list((times_right + 1) / (times_offered + 4)) AS ratio,
           any_value((times_right + 1) / (times_offered + 4)) FILTER (is_right) AS ratio_right,
           list(times_of_set) AS set_memory, any_value(times_of_set) FILTER (is_right) AS set_right,
           list(length) AS length, any_value(length) FILTER (is_right) AS length_right,
           any_value(position) FILTER (is_right) AS position_right,
           list(coalesce(amount, -1)) AS amounts, count(amount) = count(*) AS all_amounts,
           any_value(coalesce(amount, -1)) FILTER (is_right) AS amount_right, 60 // count(*) AS chance
    FROM offer GROUP BY number
),
ranked AS (
    SELECT *, list_transform(amounts, lambda a: -from_middle(a, amounts)) AS middle,
           -from_middle(amount_right, amounts) AS middle_right,
           list_transform(amounts, lambda a: from_next(a, amounts)) AS apart, from_next(amount_right, amounts) AS apart_right
    FROM keys
)
SELECT number,
       credit(frequent, frequent_right) AS frequent,
       credit(ratio, ratio_right) AS ratio,
       credit(set_memory, set_right) AS set_memory,
       credit(list_transform(set_memory, lambda x: -x), -set_right) AS set_rest,
       CASE WHEN position_right = 1 THEN 60 ELSE 0 END AS first,
       credit(length, length_right) AS longest,
       credit(list_transform(length, lambda x: -x), -length_right) AS shortest,
       CASE WHEN all_amounts THEN credit(list_transform(amounts, lambda x: -x), -amount_right) ELSE chance END AS earliest,
       CASE WHEN all_amounts THEN credit(amounts, amount_right) ELSE chance END AS latest,
       CASE WHEN all_amounts THEN credit(middle, middle_right) ELSE chance END AS middle,
       CASE WHEN all_amounts THEN credit(apart, apart_right) ELSE chance END AS apart
FROM ranked;
DROP TABLE offer;
