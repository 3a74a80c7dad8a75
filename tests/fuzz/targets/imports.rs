//! Exports of other systems: CSV, JSON, spreadsheets, packed or not.
#![no_main]

use std::{io::Cursor, ops::ControlFlow};

use libfuzzer_sys::fuzz_target;
use stagedoor::{event::import, limits};

/// Rows of one file that are looked at: a file that is packed can hold more than there is time for.
const ROWS: u64 = 10_000;

fuzz_target!(|bytes: &[u8]| {
    let mut rows = 0_u64;
    let _ = import::read(&mut Cursor::new(bytes), chrono_tz::Europe::Berlin, &mut |row| {
        rows += 1;
        if let Ok(row) = row {
            assert!((1..=limits::CODE_BYTES).contains(&row.code.len()), "{row:?}");
            assert!(!row.code.contains('\0'), "{row:?}");
        }
        if rows < ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
});
