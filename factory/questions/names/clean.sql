-- Cleaning of a label, as macros. Most labels are plain ASCII without any of this: they are not looked at twice.

-- Control characters, soft hyphens, marks of direction and doubled blanks. The joiners of Persian and Sinhala stay.
-- The first condition finds texts that this could change: with such characters, marks, or characters that NFC replaces.
CREATE OR REPLACE TEMP MACRO visible(t) AS
CASE WHEN NOT regexp_matches(t, '[\t-\r\x{00}-\x{08}\x{0E}-\x{1F}\x{7F}-\x{84}\x{86}-\x{9F}\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\p{M}\x{340}-\x{387}\x{1100}-\x{11FF}\x{1F71}-\x{1FFD}\x{2126}-\x{212B}\x{F900}-\x{FB4F}]|  |^ | $') THEN t
     ELSE trim(regexp_replace(regexp_replace(nfc_normalize(t),
          '[\x{00}-\x{08}\x{0E}-\x{1F}\x{7F}-\x{84}\x{86}-\x{9F}\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]', '', 'g'),
          '[\s\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+', ' ', 'g'), ' ' || chr(8204) || chr(8205))
END;

-- One apostrophe in all names: an option with another one would be seen.
CREATE OR REPLACE TEMP MACRO with_plain_apostrophe(t) AS
CASE WHEN NOT regexp_matches(t, '[’ʼ]') THEN t ELSE regexp_replace(t, '(\p{L})[’ʼ](\p{L})', '\1''\2', 'g') END;

-- Quotes around the whole label.
CREATE OR REPLACE TEMP MACRO unquoted(t) AS
CASE WHEN NOT regexp_matches(t, '^["„“«‘「『《]') THEN t
     ELSE regexp_replace(t, '^(?:"([^"]+)"|„([^“”„]+)[“”]|“([^“”]+)”|«\s*([^«»]+?)\s*»|‘([^‘’]+)’|「([^「」]+)」|『([^『』]+)』|《([^《》]+)》|''([^'']+)'')$',
          '\1\2\3\4\5\6\7\8\9')
END;

-- Brackets at the end, after a blank; in Chinese also without one. "iron(III)" and a label of brackets only stay.
CREATE OR REPLACE TEMP MACRO without_brackets(t, is_disambiguator, is_chinese) AS
CASE WHEN NOT ends_with(t, ')') AND NOT ends_with(t, '）') THEN t
     WHEN NOT is_disambiguator AND NOT regexp_matches(t, '[(（][^()（）]*(1[0-9]|20)[0-9]{2}[^()（）]*[)）]$') THEN t
     WHEN is_chinese THEN regexp_replace(t, '^(.*[\p{L}\p{N}])(?: *（[^()（）]*）| +\([^()（）]*\)|\([^()（）]*[^ -~][^()（）]*\))+$', '\1')
     ELSE regexp_replace(t, '^(.*[\p{L}\p{N}\p{M}.!?"''’»”…-])(?: +[(（][^()（）]*[)）])+$', '\1')
END;

-- Commas of Arabic as ", ". Most labels have none of them.
CREATE OR REPLACE TEMP MACRO with_plain_comma(t) AS
CASE WHEN NOT contains(t, '،') THEN t ELSE regexp_replace(t, '، *', ', ', 'g') END;

CREATE OR REPLACE TEMP MACRO without_containing_place(t) AS trim(split_part(with_plain_comma(t), ', ', 1));

-- "Пушкин, Александр Сергеевич" in the order of speech. The second part has capitals, or particles such as "фон".
CREATE OR REPLACE TEMP MACRO given_name_first(t) AS
CASE WHEN NOT contains(t, ', ') THEN t
     ELSE regexp_replace(t,
          '^(\p{Lu}[\p{Cyrillic}''’ʼ-]*(?: [\p{Cyrillic}''’ʼ-]+){0,2}), ((?:\p{Lu}[\p{Cyrillic}''’ʼ.-]*|фон|цу|ван|дер|ден|тер|де|да|ди|до|дю|ду|дос|дель|делла|ла|ле|аль|эль|ибн|бен|бин|аф|оф|и|і)(?: (?:\p{Lu}[\p{Cyrillic}''’ʼ.-]*|фон|цу|ван|дер|ден|тер|де|да|ди|до|дю|ду|дос|дель|делла|ла|ле|аль|эль|ибн|бен|бин|аф|оф|и|і)){0,4}?)( (?:Старший|Младший|Молодший|Старейший|Малодшы|Старэйшы|Стария|Младия))?$',
          '\2 \1\3')
END;

-- The first letter in lower case, if it is the only capital. Turkish has a dotted and a dotless i.
CREATE OR REPLACE TEMP MACRO lower_first(t, dotless) AS
CASE WHEN NOT regexp_full_match(t, '\p{Lu}\P{Lu}*') OR regexp_matches(t, '^\p{L}[^\p{L}]*$') THEN t
     WHEN dotless AND starts_with(t, 'I') THEN 'ı' || substr(t, 2)
     WHEN starts_with(t, 'İ') THEN 'i' || substr(t, 2)
     ELSE lower(substr(t, 1, 1)) || substr(t, 2)
END;
