-- Wrong options of a range of items: their candidates without those that may be right, or are far from the answer in time
-- or size. Two wrong options are as unlike each other as either is to the answer: else a pair of them would show that
-- neither is right. The first three are in a random order: candidates are drawn in an order that depends on their frequency.
INSERT INTO option
WITH fitting AS (
    SELECT c.item, c.draw, c.turn, c.place, w.number, w.low IS NOT NULL OR len(w.ancestors) > 1 AS has_alike
    FROM candidate c JOIN item i USING (item) JOIN fact f USING (fact) JOIN candidate_value w USING (place)
    LEFT JOIN extent e ON e.value = i.value LEFT JOIN person_value b ON b.value = i.value
    WHERE c.item >= $first AND c.item < $last
      AND CASE WHEN w.born IS NOT NULL THEN abs(w.born - b.born) <= $generations
               WHEN e.low IS NULL THEN true
               WHEN w.is_time THEN abs(w.low - e.low) <= greatest($years, $share * (372 * $today - least(w.low, e.low)))
               ELSE greatest(w.high, e.high) <= $ratio * least(w.high, e.high) END
      AND NOT list_contains(f.all_values, w.value)
      AND NOT list_has_any(w.ancestors, f.all_values)
      AND NOT list_contains(f.kin, w.value)
      AND (w.low IS NULL OR len(list_filter(f.extents, lambda x: x.low <= w.high AND x.high >= w.low)) = 0)
),
listed AS MATERIALIZED (
    SELECT item, list({'turn': turn, 'number': number, 'draw': draw, 'place': place} ORDER BY draw) AS found,
           bool_or(has_alike) AS has_alike
    FROM fitting GROUP BY item
),
-- Most options are like no other one: only the items of those that may be are looked at again.
again AS MATERIALIZED (
    SELECT l.item, l.candidate.draw AS draw, w.*
    FROM (SELECT item, unnest(found) AS candidate FROM listed WHERE has_alike) l
    JOIN candidate_value w ON w.place = l.candidate.place
),
alike AS (
    SELECT item, list(greatest(a.draw, b.draw)) AS draws
    FROM again a JOIN again b USING (item)
    WHERE a.draw <> b.draw AND (list_contains(a.ancestors, b.value) OR (a.low <= b.high AND a.high >= b.low))
    GROUP BY item
),
fit AS (
    SELECT item, CASE WHEN a.draws IS NULL THEN found
                      ELSE list_filter(found, lambda x: NOT list_contains(a.draws, x.draw)) END AS found
    FROM listed LEFT JOIN alike a USING (item)
),
drawn AS (
    SELECT item, list_sort(found[:3]) || found[4:] AS found FROM fit WHERE len(found) > 0
)
SELECT item, list_transform(found, lambda x: x.number), list_transform(found, lambda x: x.turn) FROM drawn;
