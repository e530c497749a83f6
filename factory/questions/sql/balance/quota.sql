-- Number that an answer may have so that none has more than a quarter, given the numbers of all answers, largest first. At
-- most three answers have more. Their quota is a part of what the others have: a third for one, a half for each of two, all
-- of it for each of three.
CREATE OR REPLACE TEMP MACRO quota(sizes) AS
    CASE WHEN sizes[1] * 4 <= list_sum(sizes) THEN NULL
         WHEN sizes[2] <= list_sum(sizes[2:]) // 3 THEN list_sum(sizes[2:]) // 3
         WHEN sizes[3] <= list_sum(sizes[3:]) // 2 THEN list_sum(sizes[3:]) // 2
         ELSE list_sum(sizes[4:]) END
