//! Tokens: anything but the genuine token, byte for byte, is refused.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use stagedoor::{
    authenticate::{keys::Keys, token::Tokens},
    clock::{Clock, Moment},
    config::Database,
    ids::{DeviceId, EnrolmentId, SessionId},
    ledger::Ledger,
};
use tokio::runtime::{Builder, Runtime};

struct Fixture {
    runtime: Runtime,
    tokens: Tokens,
    /// A session's and a device's.
    genuine: [String; 2],
}

fn fixture() -> &'static Fixture {
    static HOUSE: OnceLock<Fixture> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let data = tempfile::tempdir().expect("a folder").keep();
        let (tokens, genuine) = runtime.block_on(async {
            let ledger = Ledger::open(&Database::Sqlite(data.join("book.db")), 2).await.expect("a ledger");
            let tokens = Tokens::new(Keys::open(ledger, Clock::of_this_machine()).await.expect("keys"), Clock::of_this_machine());
            let until: Moment = "2099-11-22T19:30:00Z".parse().expect("a time");
            let signer = tokens.signer().await.expect("a signer");
            let of_session = signer.for_session(SessionId(Default::default()), until).expect("a token");
            let of_device = signer.for_device(DeviceId(Default::default()), EnrolmentId(Default::default()), until).expect("a token");
            (tokens, [of_session, of_device])
        });
        Fixture { runtime, tokens, genuine }
    })
}

/// The bytes are the token, or an edit of a genuine one: which, a place, and the bytes there.
fn forge(genuine: &[String; 2], bytes: &[u8]) -> String {
    match bytes {
        [which @ 0..=1, high, low, instead @ ..] => {
            let genuine = &genuine[usize::from(*which)];
            let at = usize::from(u16::from_be_bytes([*high, *low])).min(genuine.len());
            let end = (at + instead.len()).min(genuine.len());
            format!("{}{}{}", &genuine[..at], String::from_utf8_lossy(instead), &genuine[end..])
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Fixture { runtime, tokens, genuine } = fixture();
    let forged = forge(genuine, bytes);
    runtime.block_on(async {
        assert_eq!(tokens.session(&forged).await.is_ok(), forged == genuine[0], "{forged}");
        assert_eq!(tokens.device(&forged).await.is_ok(), forged == genuine[1], "{forged}");
    });
});
