//! Codes and names: cut and printed, as people type them, and as they are compared.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor::{
    device::enrol::hash,
    event::{printable, trim_code},
    guestlist::{fold, words},
};

fuzz_target!(|text: &str| {
    let code = trim_code(text);
    assert_eq!(trim_code(code), code);
    assert!(text.contains(code));
    let at_an_end = |letter: char| letter.is_whitespace() || letter.is_control();
    assert!(!code.starts_with(at_an_end) && !code.ends_with(at_an_end));

    let printed = printable(text);
    assert!(!printed.contains(char::is_control), "{printed:?}");
    assert_eq!(printable(&printed), printed);

    // An enrolment code is its letters and digits, however it is typed.
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    assert_eq!(hash(text), hash(&letters.to_ascii_lowercase()));
    assert_ne!(hash(text), hash(&format!("{text}A")));

    // A guest's name is found by what it is compared by.
    let key = fold(text);
    assert_eq!(fold(&key), key);
    assert_eq!(words(text).join(" "), key);
});
