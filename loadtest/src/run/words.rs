//! Codes and reasons as the gateway answers them, each kept in memory once for each thread.

use std::cell::RefCell;
use std::collections::HashSet;

/// Different words at most: a gateway that makes up words does not fill the memory.
const WORDS_MAX: usize = 500;

thread_local! {
    static KNOWN: RefCell<HashSet<&'static str>> = RefCell::new(HashSet::new());
}

/// The word as it was answered; `other` for one past [`WORDS_MAX`].
pub fn keep(word: &str) -> &'static str {
    KNOWN.with_borrow_mut(|known| match known.get(word) {
        Some(word) => word,
        None if known.len() >= WORDS_MAX => "other",
        None => {
            let word: &'static str = Box::leak(word.into());
            known.insert(word);
            word
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_once_and_no_more_than_so_many_are() {
        let first = keep("already_admitted");
        assert!(std::ptr::eq(first, keep(&String::from("already_admitted"))));
        for number in 1..WORDS_MAX {
            assert_eq!(keep(&number.to_string()), number.to_string());
        }
        assert_eq!(keep("one_more"), "other");
        assert_eq!(keep("already_admitted"), "already_admitted");
    }
}
