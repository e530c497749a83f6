-- Facts of images that do not show their entities well enough. They make no questions and are no wrong options: an answer
-- that is seldom right among the questions that remain would otherwise be a wrong option as often as before.
INSERT INTO dropped_item
SELECT i.item, CASE WHEN r.probability IS NULL THEN $unanswered ELSE $below END
FROM item i LEFT JOIN relevance r ON r.image = i.image AND r.entity = i.entity
WHERE $threshold > 0 AND (r.probability IS NULL OR r.probability < $threshold)
ORDER BY i.item;
