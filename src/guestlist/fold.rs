//! How names are compared: without accents, case, width, or the ways to write one letter, in any script.
//!
//! Unicode's compatibility decomposition (UAX #15, NFKD) takes letters and their marks apart and makes full-width and ligatures plain;
//! marks that only modify a letter are left away (accents, Hebrew points, Arabic vowel signs, the dots of kana), while vowel signs that
//! are letters in their own right (Thai, Devanagari) stay; full case folding makes ß into ss and every sigma into one. What Unicode
//! keeps apart and a keyboard at the door may not have (ł, ø, ı, the letter forms of Arabic and Persian) is in one table here.
//!
//! The key of a name is stored beside it, so that both databases search the same.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_properties::{
    CodePointMapData,
    props::{CanonicalCombiningClass as Class, GeneralCategory as Category},
};

/// The key of a name, and of a part of one that is looked for: words with one space between them.
pub fn fold(name: &str) -> String {
    // Once is enough except for a few characters whose parts fold again.
    let mut key = once(name);
    loop {
        let again = once(&key);
        if again == key {
            return key;
        }
        key = again;
    }
}

/// The words that are looked for, in no order.
pub fn words(query: &str) -> Vec<String> {
    fold(query).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn once(text: &str) -> String {
    let apart = DecomposingNormalizer::new_nfkd();
    // Before the decomposition: an acute accent that is used as an apostrophe would leave a space.
    let named: String = text.chars().filter(|c| !is_apostrophe(*c)).collect();
    let bare: String = apart.normalize(&named).chars().filter(|c| !is_modifier(*c)).collect();
    let folded = CaseMapper::new().fold_string(&bare).into_owned();
    let mut key = String::with_capacity(folded.len());
    for letter in apart.normalize(&folded).chars().filter(|c| !is_modifier(*c)) {
        match plain(letter) {
            Plain::Letters(letters) => key.push_str(letters),
            Plain::Letter(letter) => key.push(letter),
            Plain::Space if key.is_empty() || key.ends_with(' ') => {}
            Plain::Space => key.push(' '),
            Plain::Itself => key.push(letter),
        }
    }
    key.truncate(key.trim_end().len());
    key
}

/// A mark that modifies the letter before it, or a character that is not seen: joiners, direction marks, soft hyphens. A virama is
/// no accent: it joins consonants.
fn is_modifier(c: char) -> bool {
    let class = CodePointMapData::<Class>::new().get(c);
    let category = CodePointMapData::<Category>::new().get(c);
    let is_mark = matches!(category, Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark);
    let accent = is_mark && !matches!(class, Class::NotReordered | Class::Virama);
    accent || matches!(category, Category::Format | Category::EnclosingMark)
}

/// O'Brien, O’Brien and OBrien are one name.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '´' | '‘' | '’' | '‛' | 'ʻ' | 'ʼ' | 'ʹ' | '′')
}

enum Plain {
    Itself,
    Letter(char),
    Letters(&'static str),
    Space,
}

/// The replacement of a character that Unicode neither decomposes nor folds.
fn plain(c: char) -> Plain {
    Plain::Letters(match c {
        // Latin letters with a stroke, and those that are two.
        'ł' | 'ƚ' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ƀ' => "b",
        'ɨ' | 'ı' => "i",
        'ŋ' => "n",
        'ĸ' => "k",
        'ə' => "e",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        // Arabic and Persian: one letter, two keyboards. The first of each is what a vowel sign or a position makes of the second.
        'ى' | 'ی' => "ي",
        'ک' => "ك",
        'ة' | 'ە' | 'ہ' => "ه",
        'ٱ' => "ا",
        // Ukrainian ґ is often typed as г.
        'ґ' => "г",
        // What only makes a word longer.
        'ー' | 'ـ' => "",
        // Katakana and hiragana write the same sounds.
        'ァ'..='ヶ' => return hiragana(c),
        c if c.is_whitespace() || c.is_control() || c.is_ascii_punctuation() => return Plain::Space,
        // Dashes, dots and quotation marks of all kinds.
        '\u{2010}'..='\u{206f}' | '·' | '・' | '、' | '。' | '«' | '»' | '¿' | '¡' | '־' | '،' => return Plain::Space,
        _ => return Plain::Itself,
    })
}

/// The hiragana of a katakana: both blocks have one order.
fn hiragana(katakana: char) -> Plain {
    u32::from(katakana).checked_sub(0x60).and_then(char::from_u32).map_or(Plain::Itself, Plain::Letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written, and a part of it as it may be typed at the door.
    const FOUND: &[(&str, &str)] = &[
        ("José Núñez", "jose nunez"),
        ("Jose Nunez", "JOSÉ"),
        ("Zoe\u{308} Faria", "zoë"),
        ("Zoë Faria", "zoe\u{308}"),
        ("Weiß", "WEISS"),
        ("WEISS", "weiß"),
        ("Straßer", "STRAẞER"),
        ("İpek Işık", "ipek isik"),
        ("IŞIK", "ışık"),
        ("Łukasz Żółć", "lukasz zolc"),
        ("Søren Ærø", "soren aero"),
        ("Đặng Thị Đào", "dang thi dao"),
        ("Þórður Ægisson", "thordur aegisson"),
        ("Ştefan Țepeș", "stefan tepes"),
        ("Ştefan", "Ștefan"),
        ("Ὀδυσσεύς", "οδυσσευσ"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"),
        ("Νίκος Ζωΐδης", "νικος ζωιδ"),
        ("Фёдор Йылмаз", "федор йылмаз"),
        ("ФЁДОР", "федор"),
        ("Ґалаґан", "галаган"),
        ("أَحْمَد الآغا", "احمد الاغا"),
        ("مصطفى", "مصطفي"),
        ("محمّد", "محمد"),
        ("کریم", "كريم"),
        ("فاطمة", "فاطمه"),
        ("מִרְיָם", "מרים"),
        ("田中 太郎", "太郎"),
        ("ﾀﾅｶ", "たなか"),
        ("タナカ", "たなか"),
        ("ガブリエル", "がぶりえる"),
        ("각성호", "각성"),
        ("각성호", "\u{1100}\u{1161}\u{11a8}"),
        ("สมชาย", "ชาย"),
        ("अमित शर्मा", "शर्मा"),
        ("ＷＩＤＥ Ｎａｍｅ", "wide name"),
        ("ﬁona", "Fiona"),
        ("O’Brien", "o'brien"),
        ("O´Brien", "obrien"),
        ("Jean-Luc Picard", "luc jean"),
        ("Smith, John", "john smith"),
        ("Anna\u{a0}\u{200f}Maria\t Sommer", "sommer anna"),
        ("Zoë & Plus-one", "plus"),
        ("DJ ★", "★"),
        ("𝒜da 😀", "ada 😀"),
    ];

    #[test]
    fn a_name_is_found_by_each_part_of_it_however_it_is_written() {
        for (name, query) in FOUND {
            let key = fold(name);
            let words = words(query);
            assert!(!words.is_empty(), "{query} looks for nothing");
            for word in words {
                assert!(key.contains(&word), "{query} does not find {name}: {word:?} is not in {key:?}");
            }
        }
    }

    #[test]
    fn what_differs_in_more_than_an_accent_stays_apart() {
        for (name, query) in [("Anna", "anne"), ("กิน", "กัน"), ("田中", "中田"), ("किरण", "कुरण"), ("Иван", "Јован"), ("Smith", "smyth")]
        {
            assert!(!fold(name).contains(&fold(query)), "{query} finds {name}");
        }
        assert_ne!(fold("Dr No"), fold("Drno"), "words stay apart");
    }

    #[test]
    fn a_query_of_nothing_but_spaces_and_dashes_looks_for_nothing() {
        for query in ["", "  \u{3000} ", "-", "…", "'", "\u{301}", "\u{200d}"] {
            assert_eq!(words(query), Vec::<String>::new(), "{query:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(name in any::<String>()) {
            let key = fold(&name);
            prop_assert_eq!(fold(&key), key);
        }

        #[test]
        fn any_part_of_a_name_finds_it(name in "\\PC{1,30}", from in 0usize..30, length in 1usize..10) {
            let part: String = name.chars().skip(from).take(length).collect();
            let key = fold(&name);
            for word in words(&part) {
                prop_assert!(key.contains(&word), "{:?} of {:?}: {:?} not in {:?}", part, name, word, key);
            }
        }

        #[test]
        fn case_and_composition_do_not_count(name in "[\\p{L}\\p{M} ]{0,30}") {
            let apart = DecomposingNormalizer::new_nfd().normalize(&name).into_owned();
            prop_assert_eq!(fold(&apart), fold(&name));
            prop_assert_eq!(fold(&name.to_lowercase()), fold(&name));
        }
    }
}
